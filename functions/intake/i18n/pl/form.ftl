# The public pages in Polish. Parents are addressed without saying whether they are a man or a woman.

## Every page

skip-link = Przejdź do treści strony
language-label = Język
page-title = { $title } – { $school }
page-title-error = Błąd: { $title }
help-contact = Potrzebna pomoc? Kontakt:
privacy-link = Jak wykorzystujemy te informacje
optional = (nieobowiązkowe)
child-number = Dziecko { $number }

## The form

form-title = Poproś o konto rodzica
form-intro = Dzięki kontu rodzica możesz śledzić naukę dziecka w Moodle. Wypełnienie formularza zajmuje około trzech minut.
steps-label = Etapy
step-details = Twoje dane
step-check = Sprawdzenie
step-sent = Wysłano
step-done = (gotowe)

kind-heading = Czego potrzebujesz?
kind-new-account = Potrzebuję nowego konta
kind-new-account-hint = Nie masz jeszcze konta rodzica w tej szkole.
kind-cannot-sign-in = Mam konto, ale nie mogę się zalogować
kind-cannot-sign-in-hint = Pomożemy Ci odzyskać dostęp.
kind-child-missing = Nie widzę jednego z moich dzieci
kind-child-missing-hint = Dodamy do Twojego konta dzieci, które podasz poniżej.
kind-other = Coś innego
kind-other-hint = Napisz nam na końcu tej strony, czego potrzebujesz.

you-heading = O Tobie
you-hint = Podaj imię, nazwisko i adres e-mail, które zna szkoła.
title-label = Tytuł
given-name-label = Imię
family-name-label = Nazwisko
email-label = Adres e-mail
email-hint = Na ten adres będziemy do Ciebie pisać.

children-heading = Twoje dzieci w tej szkole
children-hint = Wpisz imiona i nazwiska tak, jak zna je szkoła. Grupa wygląda na przykład tak: 8C; jeśli nie masz pewności, zostaw to pole puste.
tutor-group-label = Grupa (tutor group)
add-child = Dodaj kolejne dziecko
remove-child = Usuń
child-added = Dodano dziecko { $number }
child-removed = Usunięto dziecko { $number }

comment-heading = Czy jest coś jeszcze, o czym powinniśmy wiedzieć?
comment-hint = Na przykład zmiana nazwiska. Nie podawaj haseł ani informacji o zdrowiu.
comment-count = Możesz wpisać do { $max } znaków.
comment-left = Pozostało znaków: { $count }
comment-over = Znaków za dużo: { $count }

trap-label = Zostaw to pole puste
continue-button = Dalej
continue-hint = Przed wysłaniem możesz wszystko sprawdzić.

## Faults

faults-title = Coś wymaga poprawy
fault-prefix = Błąd:
fault-kind = Wybierz, czego potrzebujesz
fault-given-name = Wpisz swoje imię
fault-family-name = Wpisz swoje nazwisko
fault-email-required = Wpisz swój adres e-mail
fault-email-invalid = Wpisz adres e-mail w postaci nazwa@example.com
fault-child-given-name = Wpisz imię dziecka { $number }
fault-child-family-name = Wpisz nazwisko dziecka { $number }
fault-children-required = Podaj co najmniej jedno dziecko
fault-children-many = { $max ->
    [one] Tutaj można podać najwyżej { $max } dziecko. Pozostałe podaj w kolejnym formularzu
   *[other] Tutaj można podać najwyżej { $max } dzieci. Pozostałe podaj w kolejnym formularzu
}
fault-declaration = Zaznacz pole, aby potwierdzić, że podane informacje są prawdziwe
fault-long = { $max ->
    [one] { $field }: wpisz najwyżej { $max } znak
    [few] { $field }: wpisz najwyżej { $max } znaki
   *[many] { $field }: wpisz najwyżej { $max } znaków
}
fault-unprintable = { $field }: usunęliśmy znak, którego nie można wyświetlić. Sprawdź, co pozostało
field-child-given-name = Imię dziecka { $number }
field-child-family-name = Nazwisko dziecka { $number }
field-child-tutor-group = Grupa dziecka { $number }

## Check your answers

check-title = Sprawdź swoje odpowiedzi
check-you = Ty
check-kind = Czego potrzebujesz
check-name = Imię i nazwisko
check-children = Dzieci
check-comment-heading = Twoja wiadomość
check-comment = Wiadomość
check-none = Brak
change-button = Zmień
change-kind = czego potrzebujesz
change-name = imię i nazwisko
change-email = adres e-mail
change-child = dziecko { $number }
change-comment = wiadomość
declaration-label = Podane informacje są prawdziwe, a ja jestem rodzicem lub opiekunem wymienionych dzieci.
declaration-hint = Szkoła porównuje każdą prośbę ze swoimi danymi.
send-button = Wyślij prośbę
send-again-button = Sprawdź i wyślij ponownie
back-button = Wróć
reset-hint = Jeśli chodzi tylko o zapomniane hasło, możesz od razu ustawić nowe:
reset-link = Ustaw nowe hasło w Moodle
expired-notice = Ta strona była długo otwarta, więc nic jeszcze nie zostało wysłane. Sprawdź swoje odpowiedzi i wyślij je ponownie.
changed-notice = Te odpowiedzi zmieniły się od czasu wysłania formularza. Sprawdź je i wyślij ponownie.

## Sent

sent-title = Prośba została wysłana
sent-reference = Twój numer sprawy to
sent-next = Co będzie dalej
sent-mail = Wysłaliśmy do Ciebie e-mail. Otwórz go i naciśnij przycisk na stronie, do której prowadzi, abyśmy wiedzieli, że to Twój adres. Jeśli wiadomość nie dotrze w ciągu dziesięciu minut, zajrzyj do folderu ze spamem.
sent-received = Wysłaliśmy do Ciebie e-mail z potwierdzeniem, że mamy Twoją prośbę. Jeśli nie dotrze w ciągu dziesięciu minut, zajrzyj do folderu ze spamem.
sent-look = Następnie szkoła porówna Twoje dane ze swoimi.
sent-answer = Napiszemy, gdy tylko będą wieści. W wiadomościach znajdziesz też link, pod którym widać, na jakim etapie jest sprawa.
sent-keep = Zachowaj numer sprawy. Możesz go podać w sekretariacie, jeśli będziesz mieć pytanie.

## Confirm the email address

confirm-title = Potwierdź swój adres e-mail
confirm-text = Naciśnij przycisk, aby potwierdzić, że prośba pochodzi od Ciebie i że to Twój adres e-mail.
confirm-button = Potwierdzam mój adres e-mail
confirm-not-you = Jeśli prośba nie pochodzi od Ciebie, po prostu zamknij tę stronę. Nic się wtedy nie stanie.
confirmed-title = Twój adres e-mail jest potwierdzony
confirmed-reference = Twój numer sprawy to
confirmed-text = Dziękujemy. Teraz szkoła zajmie się Twoją prośbą. Otrzymasz e-mail z linkiem, pod którym widać, na jakim etapie jest sprawa.
confirmed-status = Zobacz, na jakim etapie jest Twoja prośba

change-title = Potwierdź swój nowy adres e-mail
change-text = Naciśnij przycisk, aby potwierdzić, że to Twój adres e-mail i że Twoje konto rodzica lub opiekuna ma go odtąd używać.
change-not-you = Jeśli nie spodziewasz się tej zmiany, po prostu zamknij tę stronę. Nic się wtedy nie stanie.
changed-title = Twój nowy adres e-mail jest potwierdzony
changed-text = Dziękujemy. Odtąd będziemy pisać na ten adres. Logujesz się tak jak dotąd: nazwa użytkownika i hasło się nie zmieniły.

## Status

status-title = Twoja prośba
status-reference = Numer sprawy
status-sent-on = Wysłano
status-steps = Na jakim jesteśmy etapie
status-step-sent = Prośba została wysłana
status-step-confirmed = Adres e-mail jest potwierdzony
status-step-seen = Szkoła sprawdza Twoją prośbę
status-step-ready = Twoje konto jest gotowe
status-now = (teraz)
status-unconfirmed = Otwórz nasz e-mail i naciśnij przycisk na stronie, do której prowadzi. Jeśli nie widzisz wiadomości, zajrzyj do folderu ze spamem.
status-pending = Szkoła porównuje Twoje dane ze swoimi. Nie musisz nic robić.
status-question = Szkoła ma do Ciebie pytanie. Odpowiedz poniżej.
status-answered = Dziękujemy za odpowiedź. Szkoła teraz się nią zajmie.
status-late = Mamy już Twoją odpowiedź albo pytanie nie jest już aktualne.
status-approved = Szkoła zatwierdziła Twoją prośbę. Przygotowujemy konto; może to potrwać godzinę. Gdy będzie można się zalogować, otrzymasz e-mail.
status-ready = Wszystko jest gotowe. Wysłaliśmy do Ciebie e-mail z informacją, jak się zalogować.
status-closed = Ta prośba jest zamknięta. Jeśli uważasz, że coś się nie zgadza, skontaktuj się z sekretariatem szkoły i podaj numer sprawy.
question-heading = Pytanie ze szkoły
answer-label = Twoja odpowiedź
answer-button = Wyślij odpowiedź
fault-answer = Wpisz swoją odpowiedź
sign-in-link = Przejdź do Moodle

## Closed

closed-title = Formularz jest zamknięty
closed-text = Obecnie nie można wysłać prośby w ten sposób. Jeśli potrzebujesz konta lub pomocy, skontaktuj się ze szkołą.
closed-contact = Kontakt:

## When something goes wrong

fault-reference = Prosząc sekretariat o pomoc, podaj ten numer:
to-form = Przejdź do formularza
wrong-400-title = Nie udało się odczytać przesłanych danych
wrong-400-text = Wróć, odśwież stronę i spróbuj ponownie.
wrong-403-title = Te dane przyszły z innej strony
wrong-403-text = Dla Twojego bezpieczeństwa przyjmujemy tylko formularze wypełnione w tym serwisie. Otwórz formularz tutaj i wyślij go ponownie.
wrong-404-title = Tu nic nie ma
wrong-404-text = Adres może zawierać literówkę albo być już nieaktualny. Jeśli trafiasz tu z naszego e-maila, użyj linku z najnowszej wiadomości.
wrong-405-title = Tej strony nie można tak użyć
wrong-405-text = Zacznij jeszcze raz od formularza.
wrong-413-title = To za dużo na jeden raz
wrong-413-text = Wróć i skróć to, co zostało wpisane.
wrong-415-title = Nie udało się odczytać przesłanych danych
wrong-415-text = Skorzystaj z formularza w tym serwisie i wyślij go jego przyciskiem.
wrong-422-title = Nie możemy użyć przesłanych danych
wrong-422-text = Wróć, sprawdź wpisane informacje i spróbuj ponownie.
wrong-429-title = Spróbuj ponownie później
wrong-429-text = W krótkim czasie wysłano lub wypróbowano stąd zbyt wiele, więc musimy prosić o cierpliwość. Nic nie przepadło i nic się nie zmieniło.
wait-minutes = { $minutes ->
    [one] Spróbuj ponownie za minutę.
    [few] Spróbuj ponownie za około { $minutes } minuty.
   *[many] Spróbuj ponownie za około { $minutes } minut.
}
wait-hours = { $hours ->
    [one] Spróbuj ponownie za około godzinę.
    [few] Spróbuj ponownie za około { $hours } godziny.
   *[many] Spróbuj ponownie za około { $hours } godzin.
}
wrong-500-title = Coś poszło u nas nie tak
wrong-500-text = To nie Twoja wina. Wróć i spróbuj ponownie za kilka minut.
wrong-503-title = Chwilowo jesteśmy zajęci
wrong-503-text = Po Twojej stronie nic nie przepadło. Wróć i spróbuj ponownie za minutę.

## Dates

date = { $day } { $month } { $year }
month-1 = stycznia
month-2 = lutego
month-3 = marca
month-4 = kwietnia
month-5 = maja
month-6 = czerwca
month-7 = lipca
month-8 = sierpnia
month-9 = września
month-10 = października
month-11 = listopada
month-12 = grudnia
