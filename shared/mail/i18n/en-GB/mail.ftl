# Mails, in English as written in Britain. The other languages have the same ids; a test compares them.
#
# Mails are read by others too: no text names a child, says why something was refused, or holds a password.
# Names of schools, products and people come in as variables and are never declined.

-moodle = Moodle

greeting = Dear { $name },
greeting-without-name = Hello,

confirm-address-subject = Please confirm your email address ({ $reference })
confirm-address-body =
    Somebody, probably you, asked { $school } for a parent or carer account and gave this email address.

    If it was you, open this page and press the button on it:

    { $url }

    The page works for { $hours ->
        [one] { $hours } hour
       *[other] { $hours } hours
    }. We look at your request once you have done this.

    If it was not you, there is nothing to do: without the button nothing happens.

received-subject = We have received your request ({ $reference })
received-body =
    Thank you for your request. Its reference is { $reference }.

    We now compare it with the school's records and write to you when we have done so. There is nothing you need to do.

    You can look up at any time how your request is getting on:

    { $status_url }

    If you want to ask about it, please contact { $contact } and give the reference.

question-subject = A question about your request ({ $reference })
question-body =
    { $school } has a question about your request { $reference }:

    { $question }

    Please answer on this page; you do not need to sign in:

    { $status_url }

    Your request waits until we have your answer. If you would rather speak to somebody, please contact { $contact } and give the reference.

approved-subject = Your { -moodle } account ({ $reference })
approved-body =
    Your request { $reference } has been approved. Your account for { $moodle } is linked to { $children ->
        [one] { $children } child
       *[other] { $children } children
    }.

    Your user name is: { $username }

    { -moodle } sends you your first password in a separate mail, usually within an hour. { -moodle } asks you to change it when you sign in for the first time.

    You can look up here whether the account is ready:

    { $status_url }

    If the mail from { -moodle } does not come, look into your spam folder first. Then use "Lost password?" on { -moodle }'s sign-in page with the user name above, or contact { $contact }.

could-not-confirm-subject = Your request ({ $reference })
could-not-confirm-body =
    We could not match the details of your request { $reference } with the school's records.

    Please contact { $contact } and give the reference; they can help you. You can also send a new request at { $public_url } with the details as the school knows them.

child-added-subject = Your account has been extended ({ $reference })
child-added-body =
    Your request { $reference } has been approved, and your account for { $moodle } has been linked as you asked. It can take an hour until you see it.

    You sign in as before; your user name and password have not changed.

    You can look up here whether everything is ready:

    { $status_url }

    If you do not see it by tomorrow, please contact { $contact } and give the reference.

access-ended-subject = Your parent or carer account at { $school }
access-ended-body =
    Your parent or carer account for { $moodle } has ended, and you can no longer sign in with it.

    If you think that this is a mistake, please contact { $contact }.

new-address-subject = Please confirm your new email address for { $school }
new-address-body =
    { $school } was asked to use this email address for a parent or carer account that exists already.

    If it is yours and you want this, open this page and press the button on it:

    { $url }

    The page works for { $hours ->
        [one] { $hours } hour
       *[other] { $hours } hours
    }. Until then the account keeps its old email address. Your user name and password do not change.

    If you did not expect this, there is nothing to do: without the button nothing happens.

address-changing-subject = The email address of your parent or carer account at { $school }
address-changing-body =
    Your parent or carer account for { $moodle } is to get another email address. Mails about it no longer come to this address once the new one is confirmed.

    Your user name and password do not change.

    If you did not ask for this, please contact { $contact } at once.
