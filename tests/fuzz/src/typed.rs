//! `POST /api/v1/requests` with any body.

use serde_json::Value;

use crate::{
    answers::{hold as answer_holds, marked, silent},
    house::in_house,
    log,
};

const PATH: &str = "/api/v1/requests";

pub(crate) fn hold(data: &[u8]) {
    log::keep();
    in_house(async |house| {
        let json = house.form.with("content-type", "application/json");
        let answer = json.send("POST", PATH, data.to_vec()).await;
        answer_holds(PATH, &answer);
        let accepted = answer.status.as_u16() == 202;
        if accepted {
            // The same once more is the same request.
            let again = json.send("POST", PATH, data.to_vec()).await;
            assert_eq!(again.text, answer.text);
        }
        log::take();
        let Ok(body) = serde_json::from_slice::<Value>(data) else { return };
        let mut all = marked(&body);
        let answer = house.form.post(PATH, &all).await;
        answer_holds(PATH, &answer);
        silent(PATH, &answer);
        // What kind of request it is stays, so that the rest is looked at.
        if let (Some(marked), Some(plain)) = (all.get_mut("kind"), body.get("kind")) {
            *marked = plain.clone();
            let answer = house.form.post(PATH, &all).await;
            answer_holds(PATH, &answer);
            silent(PATH, &answer);
        }
    });
}
