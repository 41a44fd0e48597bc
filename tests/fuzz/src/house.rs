//! A whole Kinlink on SQLite, made once for each thread: inputs come one after the other, and what they store stays.

use std::cell::OnceCell;

use jiff::SignedDuration;
use kinlink_intake::{IntakeState, router};
use kinlink_testapp::{Client, TestApp, app};
use tokio::runtime::{Builder, Runtime};

/// The public function in front of a store.
pub(crate) struct House {
    /// The function, for whoever has no key.
    pub(crate) anyone: Client,
    /// The same with the key of a form.
    pub(crate) form: Client,
    pub(crate) kinlink: TestApp,
}

thread_local! {
    static HOUSE: OnceCell<(Runtime, House)> = const { OnceCell::new() };
}

/// Does something with the house. An hour passes before: quotas of an input are not those of the next.
pub(crate) fn in_house(act: impl AsyncFnOnce(&House)) {
    HOUSE.with(|cell| {
        let (runtime, house) = cell.get_or_init(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let house = runtime.block_on(async {
                let kinlink = app().await;
                let anyone =
                    Client::new(router(IntakeState { app: kinlink.app.clone(), school: kinlink.school.clone() }));
                House { form: anyone.with("x-api-key", &kinlink.source_key), anyone, kinlink }
            });
            (runtime, house)
        });
        house.kinlink.clock.advance(SignedDuration::from_hours(1));
        runtime.block_on(act(house));
    });
}
