//! The kit tests itself: a tool that sees no difference would make every test that uses it pass.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Instant,
};

use kinlink_db::Engine;
use kinlink_testkit::{
    all_engines, changed_tables, fresh, mails_to, moodle_dump, smtp_address, snapshot, sqs_endpoint,
};

#[tokio::test]
async fn fresh_databases_are_empty_keep_every_character_and_go() {
    for test in all_engines().await {
        let engine = test.engine();
        assert!(snapshot(&test.db).await.is_empty(), "{engine}");
        test.db.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(100))", []).await.expect("a table");
        test.db.execute("INSERT INTO person VALUES (1, ?)", ["Čárly 😀 \"\\".into()]).await.expect("a row");
        let names: Vec<(String,)> = test.db.fetch_all("SELECT name FROM person", []).await.expect("the row");
        assert_eq!(names, [("Čárly 😀 \"\\".to_owned(),)], "{engine}");

        let other = fresh(engine).await;
        assert!(snapshot(&other.db).await.is_empty(), "a second one on {engine} has nothing of the first");
        test.drop_database().await;
        other.drop_database().await;
    }
}

#[tokio::test]
async fn a_snapshot_sees_every_kind_of_change_on_every_engine() {
    for test in all_engines().await {
        let (db, engine) = (&test.db, test.engine());
        let binary = if engine == Engine::Postgres { "BYTEA" } else { "BLOB" };
        db.execute(&format!("CREATE TABLE thing (id INTEGER PRIMARY KEY, note VARCHAR(50), bytes {binary})"), [])
            .await
            .expect("a table");
        db.execute("CREATE TABLE untouched (id INTEGER PRIMARY KEY)", []).await.expect("a table");
        for insert in [
            "INSERT INTO thing VALUES (1, 'one', NULL), (2, NULL, 'xy'), (3, 'three', '')",
            "INSERT INTO untouched VALUES (7)",
        ] {
            db.execute(insert, []).await.expect("rows");
        }
        let before = snapshot(db).await;
        assert_eq!(before["thing"].len(), 3, "{engine}");
        assert!(changed_tables(&before, &snapshot(db).await).is_empty(), "{engine}: nothing happened");

        for change in [
            "UPDATE thing SET note = '' WHERE id = 2",
            "DELETE FROM thing WHERE id = 3",
            "CREATE TABLE made (id INTEGER)",
        ] {
            db.execute(change, []).await.expect("a change");
        }
        let changed = changed_tables(&before, &snapshot(db).await);
        assert_eq!(changed.keys().collect::<Vec<_>>(), ["made", "thing"], "{engine}");
        assert_eq!(changed["thing"].removed.len(), 2, "{engine}: {changed:?}");
        assert_eq!(changed["thing"].added.len(), 1, "{engine}: from NULL to '' is a change: {changed:?}");
        test.drop_database().await;
    }
}

#[tokio::test]
async fn the_real_moodle_loads_and_one_changed_row_in_it_is_found() {
    for engine in [Engine::MySql, Engine::Postgres] {
        let begun = Instant::now();
        let Some(dump) = moodle_dump(engine).await else { return };
        let loaded = begun.elapsed();
        let db = &dump.moodle.db;
        let reading = Instant::now();
        let before = snapshot(db).await;
        let took = reading.elapsed();
        eprintln!("{engine}: loaded in {loaded:?}, snapshot of {} tables in {took:?}", before.len());
        assert!(before.len() > 450, "{engine}: {} tables", before.len());
        assert!(before["mdl_user"].len() > 2, "{engine}: users");

        let user = format!("{}user", dump.prefix);
        db.execute(&format!("UPDATE {user} SET firstname = ? WHERE username = ?"), ["Änne".into(), "admin".into()])
            .await
            .expect("a change");
        let changed = changed_tables(&before, &snapshot(db).await);
        assert_eq!(changed.keys().collect::<Vec<_>>(), [&user], "{engine}");
        assert_eq!((changed[&user].removed.len(), changed[&user].added.len()), (1, 1), "{engine}");
        assert!(changed[&user].added[0].contains("Änne"), "{engine}: {changed:?}");

        // A second copy has nothing of the first, and both go.
        let second = moodle_dump(engine).await.expect("a second copy");
        assert!(changed_tables(&before, &snapshot(&second.moodle.db).await).is_empty(), "{engine}");
        if let Some(logins) = second.logins {
            let names: Vec<(String,)> = logins
                .db
                .fetch_all("SELECT lastname FROM auth WHERE username = ?", ["parent.clark".into()])
                .await
                .expect("a login");
            assert_eq!(names, [("O'Clark".to_owned(),)]);
        }
        second.moodle.drop_database().await;
        dump.moodle.drop_database().await;
    }
}

#[test]
fn a_mail_is_in_the_sink_once_it_is_acknowledged() {
    let (host, port) = smtp_address();
    let recipient = format!("parent-{}@example.test", std::process::id());
    let mut stream = TcpStream::connect((host, port)).expect("the SMTP server");
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut say = |line: &str| {
        stream.write_all(line.as_bytes()).expect("sent");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("an answer");
        answer
    };
    assert!(say("").starts_with("220"));
    assert!(say("HELO test\r\n").starts_with("250"));
    assert!(say("MAIL FROM:<school@example.test>\r\n").starts_with("250"));
    assert!(say(&format!("RCPT TO:<{recipient}>\r\n")).starts_with("250"));
    assert!(say("DATA\r\n").starts_with("354"));
    assert!(mails_to(&recipient).is_empty());
    assert!(say("Subject: hello\r\n\r\nGrüße\r\n.\r\n").starts_with("250"));
    let mails = mails_to(&recipient);
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, "school@example.test");
    assert_eq!(mails[0].data, "Subject: hello\r\n\r\nGrüße\r\n");
}

#[test]
fn the_queue_server_answers() {
    let endpoint = sqs_endpoint();
    let address = endpoint.strip_prefix("http://").expect("a plain URL");
    TcpStream::connect(address).expect("the SQS emulator");
}
