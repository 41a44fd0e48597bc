# The public pages in English: plain, short and friendly.

## Every page

skip-link = Skip to main content
language-label = Language
page-title = { $title } – { $school }
page-title-error = Error: { $title }
help-contact = Need help? Contact:
privacy-link = How we use this information
optional = (optional)
child-number = Child { $number }

## The form

form-title = Ask for a parent account
form-intro = A parent account lets you follow your child’s learning on Moodle. The form takes about three minutes.
steps-label = Progress
step-details = Your details
step-check = Check
step-sent = Sent
step-done = (done)

kind-heading = What do you need?
kind-new-account = I need a new account
kind-new-account-hint = You have not had a parent account at this school before.
kind-cannot-sign-in = I have an account but cannot sign in
kind-cannot-sign-in-hint = We will help you to get back in.
kind-child-missing = I cannot see one of my children
kind-child-missing-hint = We will add the children you name below to your account.
kind-other = Something else
kind-other-hint = Tell us what you need at the end of this page.

you-heading = About you
you-hint = Please use the name and email address that the school has for you.
title-label = Title
given-name-label = First name
family-name-label = Last name
email-label = Email address
email-hint = We will write to you at this address.

children-heading = Your children at this school
children-hint = Write their names as the school knows them. A tutor group looks like 8C; leave it empty if you are not sure.
tutor-group-label = Tutor group
add-child = Add another child
remove-child = Remove
child-added = Child { $number } added
child-removed = Child { $number } removed

comment-heading = Anything else we should know?
comment-hint = For example, a name that has changed. Please leave out passwords and medical details.
comment-count = You can write up to { $max } characters.
comment-left = Characters left: { $count }
comment-over = Characters too many: { $count }

trap-label = Leave this field empty
continue-button = Continue
continue-hint = You can check everything before you send it.

## Faults

faults-title = There is a problem
fault-prefix = Error:
fault-kind = Choose what you need
fault-given-name = Enter your first name
fault-family-name = Enter your last name
fault-email-required = Enter your email address
fault-email-invalid = Enter an email address like name@example.com
fault-child-given-name = Enter the first name of child { $number }
fault-child-family-name = Enter the last name of child { $number }
fault-children-required = Name at least one child
fault-children-many = You can name up to { $max } children here. Please send another form for the others
fault-declaration = Tick the box to confirm that what you wrote is true
fault-long = { $max ->
    [one] { $field }: use no more than { $max } character
   *[other] { $field }: use no more than { $max } characters
}
fault-unprintable = { $field }: we removed a character that cannot be shown. Please check what is left
field-child-given-name = First name of child { $number }
field-child-family-name = Last name of child { $number }
field-child-tutor-group = Tutor group of child { $number }

## Check your answers

check-title = Check your answers
check-you = You
check-kind = What you need
check-name = Name
check-children = Children
check-comment-heading = Your message
check-comment = Message
check-none = Nothing
change-button = Change
change-kind = what you need
change-name = your name
change-email = your email address
change-child = child { $number }
change-comment = your message
declaration-label = What I have written is true, and I am a parent or carer of the children I have named.
declaration-hint = The school compares every request with its own records.
send-button = Send request
send-again-button = Check and send again
back-button = Go back
reset-hint = If you have only forgotten your password, you can set a new one yourself straight away:
reset-link = Reset my Moodle password
expired-notice = This page was open for a long time, so nothing has been sent yet. Please check your answers and send them again.
changed-notice = These answers have changed since you sent this form. Please check them and send them again.

## Sent

sent-title = Request sent
sent-reference = Your reference is
sent-next = What happens next
sent-mail = We have sent you an email. Open it and press the button on the page that it leads to, so that we know the address is yours. If the email is not there in ten minutes, look in your junk folder.
sent-received = We have sent you an email to say that we have your request. If it is not there in ten minutes, look in your junk folder.
sent-look = The school then compares your details with its records.
sent-answer = We write to you as soon as there is news. The emails also contain a link where you can see how far we are.
sent-keep = Please keep the reference. You can give it to the school office if you have a question.

## Confirm the email address

confirm-title = Confirm your email address
confirm-text = Press the button to confirm that you sent us a request and that this email address is yours.
confirm-button = Confirm my email address
confirm-not-you = If you did not send us a request, simply close this page. Nothing happens then.
confirmed-title = Your email address is confirmed
confirmed-reference = Your reference is
confirmed-text = Thank you. The school looks at your request next. You get an email with a link where you can see how far we are.
confirmed-status = See how far your request is

change-title = Confirm your new email address
change-text = Press the button to confirm that this email address is yours and that your parent or carer account is to use it from now on.
change-not-you = If you did not expect this, simply close this page. Nothing happens then.
changed-title = Your new email address is confirmed
changed-text = Thank you. From now on we write to this address. You sign in as before: your user name and your password have not changed.

## Status

status-title = Your request
status-reference = Reference
status-sent-on = Sent on
status-steps = How far we are
status-step-sent = You sent the request
status-step-confirmed = You confirmed your email address
status-step-seen = The school looks at your request
status-step-ready = Your account is ready
status-now = (now)
status-unconfirmed = Please open our email and press the button on the page that it leads to. If you cannot find the email, look in your junk folder.
status-pending = The school is comparing your details with its records. There is nothing you need to do.
status-question = The school has a question for you. Please answer below.
status-answered = Thank you for your answer. The school looks at it next.
status-late = We have your answer already, or the question is no longer open.
status-approved = The school has approved your request. Your account is being set up; this can take an hour. You get an email when you can sign in.
status-ready = Everything is set up. We have sent you an email that tells you how to sign in.
status-closed = This request is closed. If you think that something is not right, please contact the school office and give the reference.
question-heading = A question from the school
answer-label = Your answer
answer-button = Send answer
fault-answer = Write your answer
sign-in-link = Go to Moodle

## Closed

closed-title = The form is closed
closed-text = You cannot send a request here at the moment. Please contact the school if you need an account or help with one.
closed-contact = Contact:

## When something goes wrong

fault-reference = If you ask the school office for help, give them this number:
to-form = Go to the form
wrong-400-title = We could not read what was sent
wrong-400-text = Please go back, reload the page and try again.
wrong-403-title = This came from another page
wrong-403-text = For your safety we only take forms that were filled in on this site. Please open the form here and send it again.
wrong-404-title = There is nothing here
wrong-404-text = The address may be mistyped or no longer in use. If you came from one of our emails, please use the link in the newest one.
wrong-405-title = This page cannot be used like that
wrong-405-text = Please start again with the form.
wrong-413-title = That is too much at once
wrong-413-text = Please go back and shorten what you have written.
wrong-415-title = We could not read what was sent
wrong-415-text = Please use the form on this site, and send it with its own button.
wrong-422-title = We cannot use what was sent
wrong-422-text = Please go back, check what you have written and try again.
wrong-429-title = Please try again later
wrong-429-text = Too much was sent or tried here in a short time, so we have to ask you to wait. Nothing you did was lost or changed.
wait-minutes = { $minutes ->
    [one] Please try again in a minute.
   *[other] Please try again in about { $minutes } minutes.
}
wait-hours = { $hours ->
    [one] Please try again in about an hour.
   *[other] Please try again in about { $hours } hours.
}
wrong-500-title = Something went wrong here
wrong-500-text = It is not your fault. Please go back and try again in a few minutes.
wrong-503-title = We are busy for a moment
wrong-503-text = Nothing is lost on your side. Please go back and try again in a minute.

## Dates

date = { $day } { $month } { $year }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
