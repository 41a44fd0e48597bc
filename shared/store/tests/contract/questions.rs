//! Questions to adults and their answers.

use kinlink_domain::ids::{Id, RequestId};
use kinlink_store::{
    StoreError,
    questions::{self, Question},
};

use crate::{
    fixtures::{HARD_NAMES, at, id},
    harness::{assert_same, at_once, for_each_engine},
};

fn question(request: RequestId, text: &str, second: i64) -> Question {
    Question {
        id: Id::<()>::uuid(id()),
        request,
        question: text.to_owned(),
        asked_at: at(second),
        answer: None,
        closed_at: None,
    }
}

#[tokio::test]
async fn a_question_is_open_until_it_is_answered_and_is_answered_once() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let other = question(id(), "another request's", 0);
        questions::insert(s, &other).await.unwrap();
        for (second, text) in (0..).zip(HARD_NAMES) {
            let mut asked = question(id(), &format!("{text}\n\n{text}"), second);
            assert!(questions::open(s, asked.request).await.unwrap().is_none());
            questions::insert(s, &asked).await.unwrap();
            assert_same(&questions::open(s, asked.request).await.unwrap().unwrap(), &asked);

            questions::answer(s, asked.id, text, at(20)).await.unwrap();
            let error = questions::answer(s, asked.id, "again", at(21)).await.unwrap_err();
            assert!(matches!(error, StoreError::Stale(_)), "{error}");
            assert!(questions::open(s, asked.request).await.unwrap().is_none());
            asked.answer = Some(text.to_owned());
            asked.closed_at = Some(at(20));
            assert_same(&questions::of_request(s, asked.request).await.unwrap(), &[asked.clone()]);
            assert!(questions::insert(s, &asked).await.unwrap_err().is_duplicate());
        }
        assert_same(&questions::open(s, other.request).await.unwrap().unwrap(), &other);
    })
    .await;
}

#[tokio::test]
async fn a_question_that_was_closed_takes_no_answer_and_the_others_stay() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (request, other): (RequestId, RequestId) = (id(), id());
        let mut asked = [question(request, "first", 1), question(request, "second", 2), question(request, "third", 3)];
        questions::insert(s, &question(other, "theirs", 1)).await.unwrap();
        questions::insert(s, &asked[0]).await.unwrap();
        questions::answer(s, asked[0].id, "yes", at(1)).await.unwrap();
        questions::insert(s, &asked[1]).await.unwrap();

        questions::close_open(s, request, at(5)).await.unwrap();
        questions::close_open(s, request, at(6)).await.unwrap();
        questions::insert(s, &asked[2]).await.unwrap();
        let error = questions::answer(s, asked[1].id, "too late", at(7)).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale(_)), "{error}");
        assert_eq!(questions::open(s, request).await.unwrap().unwrap().id, asked[2].id);
        assert!(questions::open(s, other).await.unwrap().is_some());

        asked[0].answer = Some("yes".to_owned());
        asked[0].closed_at = Some(at(1));
        asked[1].closed_at = Some(at(5));
        assert_same(&questions::of_request(s, request).await.unwrap(), &asked);
        assert_eq!(questions::of_requests(s, &[request, other]).await.unwrap().len(), asked.len() + 1);
        assert!(questions::of_requests(s, &[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_answer_at_once_exactly_one_is_kept() {
    for_each_engine(|store| async move {
        for round in 0..5 {
            let asked = question(id(), "which?", round);
            questions::insert(&mut store.connect().await, &asked).await.unwrap();
            let results = at_once(&store.db, 4, |task, mut connection| async move {
                let mut tx = connection.begin().await?;
                questions::answer(&mut tx, asked.id, &format!("answer {task}"), at(9)).await?;
                tx.commit().await?;
                Ok::<(), StoreError>(())
            })
            .await;
            let winner = results.iter().position(Result::is_ok).unwrap();
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
            let kept = questions::of_request(&mut store.connect().await, asked.request).await.unwrap();
            assert_eq!(kept[0].answer.as_deref(), Some(format!("answer {winner}").as_str()));
        }
    })
    .await;
}
