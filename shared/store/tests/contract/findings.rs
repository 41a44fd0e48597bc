//! What the newest full comparison found.

use kinlink_domain::{
    finding::{Class, Finding},
    ids::{CycleId, LinkId, MoodleUserId},
};
use kinlink_store::findings;

use crate::{fixtures::id, harness::for_each_engine};

#[tokio::test]
async fn the_newest_findings_replace_the_earlier_ones() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        assert_eq!(findings::cycle(s).await.unwrap(), None);
        let [first, second]: [CycleId; 2] = [id(), id()];
        let whole = Finding {
            class: Class::PupilMerged,
            adult: Some(id()),
            link: Some(LinkId(7)),
            user: Some(MoodleUserId(3)),
            pupil: Some(MoodleUserId(9)),
            other: Some(MoodleUserId(10)),
        };
        let bare = Finding::new(Class::EmailDrift);
        findings::replace(s, first, &[bare, bare, bare]).await.unwrap();
        findings::replace(s, second, &[bare, whole, bare]).await.unwrap();
        assert_eq!(findings::cycle(s).await.unwrap(), Some(second));
        assert_eq!(findings::list(s, None, 0, 9).await.unwrap(), [bare, whole, bare]);
        assert_eq!(findings::list(s, None, 1, 1).await.unwrap(), [whole]);
        assert_eq!(findings::count(s).await.unwrap(), [(bare.class, 2), (whole.class, 1)]);
        assert_eq!(findings::list(s, Some(Class::EmailDrift), 1, 9).await.unwrap(), [bare]);
        findings::replace(s, first, &[]).await.unwrap();
        assert_eq!(findings::list(s, None, 0, 9).await.unwrap(), []);
    })
    .await;
}
