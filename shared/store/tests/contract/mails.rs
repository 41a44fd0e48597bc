//! Mails to send.

use kinlink_domain::ids::{AdultId, MailId, RequestId};
use kinlink_store::mails::{self, Mail};

use crate::{
    fixtures::{HARD_NAMES, at, email, id, mail},
    harness::{assert_same, at_once, for_each_engine},
};

fn ids(mails: &[Mail]) -> Vec<MailId> {
    mails.iter().map(|mail| mail.id).collect()
}

#[tokio::test]
async fn mails_come_back_as_they_were_stored_due_oldest_first_and_newest_first() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (request, adult): (RequestId, AdultId) = (id(), id());
        let mut stored = Vec::new();
        for (second, letter) in (0..).zip(HARD_NAMES) {
            let mut mail = mail(Some(letter), 100 - second);
            mail.letter = serde_json::json!({ "name": letter }).to_string();
            mail.recipient = email(&format!("o'neil{second}@example.org"));
            if second % 2 == 0 {
                (mail.request, mail.adult) = (Some(request), Some(adult));
            }
            mails::enqueue(s, std::slice::from_ref(&mail)).await.unwrap();
            stored.push(mail);
        }
        let newest = mails::newest(s, 100).await.unwrap();
        assert_same(&newest, &stored);
        assert_eq!(ids(&mails::newest(s, 3).await.unwrap()), ids(&stored[..3]));
        let oldest: Vec<MailId> = stored.iter().rev().map(|mail| mail.id).collect();
        assert_eq!(ids(&mails::due(s, at(100), 100).await.unwrap()), oldest);
        assert_eq!(ids(&mails::due(s, at(100), 2).await.unwrap()), oldest[..2]);
        assert_eq!(ids(&mails::due(s, at(91), 100).await.unwrap()), oldest[..1]);
        assert!(mails::due(s, at(90), 100).await.unwrap().is_empty());
        let of_request = mails::of_request(s, request).await.unwrap();
        assert_eq!(ids(&of_request), stored.iter().step_by(2).rev().map(|mail| mail.id).collect::<Vec<_>>());
        assert!(mails::of_request(s, id()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_mail_with_a_key_that_was_used_is_dropped_and_the_first_stays_as_it_is() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let first = mail(Some("welcome"), 0);
        mails::enqueue(s, std::slice::from_ref(&first)).await.unwrap();
        let taken = mails::take(s, &first, at(60)).await.unwrap();
        assert!(taken);
        mails::end(s, first.id, "sent", None, at(1)).await.unwrap();
        let mut second = mail(Some("welcome"), 5);
        second.letter = "other".to_owned();
        second.recipient = email("other@example.org");
        mails::enqueue(s, &[second, mail(None, 6), mail(None, 7)]).await.unwrap();
        mails::enqueue(s, &[]).await.unwrap();

        let all = mails::newest(s, 10).await.unwrap();
        assert_eq!(all.len(), 3, "those without a key are all stored");
        let kept = &all[2];
        assert_eq!((kept.id, kept.state.as_str(), kept.attempts), (first.id, "sent", 1));
        assert_eq!((&kept.letter, &kept.recipient), (&first.letter, &first.recipient));

        // The same key twice at once.
        let twice = [mail(Some("bye"), 8), mail(Some("other"), 9), mail(Some("bye"), 10)];
        mails::enqueue(s, &twice).await.unwrap();
        assert_eq!(ids(&mails::newest(s, 2).await.unwrap()), [twice[1].id, twice[0].id]);
        assert_eq!(mails::newest(s, 10).await.unwrap().len(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_is_taken_is_hidden_until_its_time_and_ends_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let queued = mail(None, 0);
        mails::enqueue(s, std::slice::from_ref(&queued)).await.unwrap();
        let read = mails::due(s, at(0), 10).await.unwrap().remove(0);
        assert!(mails::take(s, &read, at(60)).await.unwrap());
        assert!(!mails::take(s, &read, at(90)).await.unwrap(), "by what was read before somebody took it");
        assert!(mails::due(s, at(59), 10).await.unwrap().is_empty());
        let again = mails::due(s, at(60), 10).await.unwrap().remove(0);
        assert_eq!((again.attempts, again.available_at), (1, at(60)));
        assert!(mails::take(s, &again, at(120)).await.unwrap());
        mails::postpone(s, queued.id, at(300)).await.unwrap();
        assert!(mails::due(s, at(299), 10).await.unwrap().is_empty());
        let postponed = mails::due(s, at(300), 10).await.unwrap().remove(0);
        assert_eq!((postponed.attempts, postponed.available_at), (2, at(300)));

        mails::end(s, queued.id, "failed", Some("mailbox_unknown"), at(61)).await.unwrap();
        let ended = mails::newest(s, 1).await.unwrap().remove(0);
        assert_eq!((ended.state.as_str(), ended.sent_at, ended.attempts), ("failed", Some(at(61)), 2));
        assert_eq!(ended.fault.as_deref(), Some("mailbox_unknown"));
        assert!(!mails::take(s, &ended, at(200)).await.unwrap(), "what ended is not sent again");
        mails::postpone(s, queued.id, at(400)).await.unwrap();
        assert_eq!(mails::newest(s, 1).await.unwrap()[0].available_at, at(300), "nor put off");
        assert!(mails::due(s, at(1_000), 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_take_a_mail_at_once_exactly_one_sends_it() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let queued = mail(None, round);
            mails::enqueue(&mut store.connect().await, std::slice::from_ref(&queued)).await.unwrap();
            let taken = at_once(&store.db, 4, |_, mut connection| {
                let queued = queued.clone();
                async move { mails::take(&mut connection, &queued, at(1_000)).await.unwrap() }
            })
            .await;
            assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_mails_with_the_same_key_that_are_queued_at_once_one_is_stored() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let results = at_once(&store.db, 4, |_, mut connection| async move {
                mails::enqueue(&mut connection, &[mail(Some(&format!("once {round}")), 0)]).await
            })
            .await;
            assert!(results.iter().all(Result::is_ok), "{results:?}");
            let stored = mails::newest(&mut store.connect().await, 100).await.unwrap().len();
            assert_eq!(stored, usize::try_from(round).unwrap() + 1);
        }
    })
    .await;
}
