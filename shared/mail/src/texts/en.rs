//! English.

use super::is_plain_name;
use crate::{Common, Letter, Rendered};

pub(crate) fn write(letter: &Letter, common: &Common) -> Rendered {
    let Common { school, contact, public_url, .. } = common;
    let moodle = common.moodle_url.as_deref().map_or_else(|| "Moodle".to_owned(), |url| format!("Moodle ({url})"));
    let (subject, text) = match letter {
        Letter::ConfirmAddress { reference, url, hours } => (
            format!("Please confirm your email address ({reference})"),
            format!(
                "Somebody, probably you, asked {school} for a parent or carer account and gave this email address.\n\n\
                 If it was you, open this page and press the button on it:\n\n\
                 {url}\n\n\
                 The page works for {hours}. We look at your request once you have done this.\n\n\
                 If it was not you, there is nothing to do: without the button nothing happens.",
                hours = count(usize::try_from(*hours).unwrap_or(usize::MAX), "hour", "hours"),
            ),
        ),
        Letter::Received { reference } => (
            format!("We have received your request ({reference})"),
            format!(
                "Thank you for your request. Its reference is {reference}.\n\n\
                 We now compare it with the school's records and write to you when we have done so. \
                 There is nothing you need to do.\n\n\
                 If you want to ask about it, please contact {contact} and give the reference.",
            ),
        ),
        Letter::Approved { reference, username, children } => (
            format!("Your Moodle account ({reference})"),
            format!(
                "Your request {reference} has been approved. Your account for {moodle} is linked to {children}.\n\n\
                 Your user name is: {username}\n\n\
                 Moodle sends you your first password in a separate mail, usually within an hour. \
                 Moodle asks you to change it when you sign in for the first time.\n\n\
                 If that mail does not come, look into your spam folder first. Then use \"Lost password?\" on Moodle's \
                 sign-in page with the user name above, or contact {contact}.",
                children = count(*children, "child", "children"),
            ),
        ),
        Letter::CouldNotConfirm { reference } => (
            format!("Your request ({reference})"),
            format!(
                "We could not match the details of your request {reference} with the school's records.\n\n\
                 Please contact {contact} and give the reference; they can help you. \
                 You can also send a new request at {public_url} with the details as the school knows them.",
            ),
        ),
        Letter::ChildAdded { reference } => (
            format!("Your account has been extended ({reference})"),
            format!(
                "Your request {reference} has been approved, and your account for {moodle} has been linked as you asked. \
                 It can take an hour until you see it.\n\n\
                 You sign in as before; your user name and password have not changed.\n\n\
                 If you do not see it by tomorrow, please contact {contact} and give the reference.",
            ),
        ),
        Letter::AccessEnded {} => (
            format!("Your parent or carer account at {school}"),
            format!(
                "Your parent or carer account for {moodle} has ended, and you can no longer sign in with it.\n\n\
                 If you think that this is a mistake, please contact {contact}.",
            ),
        ),
    };
    let greeting = match letter {
        // Nobody has proven yet that the name and the address belong together.
        Letter::ConfirmAddress { .. } => "Hello,".to_owned(),
        _ if is_plain_name(&common.adult_name) => format!("Dear {},", common.adult_name),
        _ => "Hello,".to_owned(),
    };
    Rendered { subject, body: format!("{greeting}\n\n{text}\n\n{school}\n") }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
