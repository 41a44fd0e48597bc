# Mails, in Polish. "Państwo" addresses a mother, a father and both at once.

-moodle = Moodle

greeting = Dzień dobry, { $name }!
greeting-without-name = Dzień dobry!

confirm-address-subject = Prosimy o potwierdzenie adresu e-mail ({ $reference })
confirm-address-body =
    Ktoś, prawdopodobnie Państwo, złożył w szkole ({ $school }) wniosek o konto rodzica lub opiekuna i podał ten adres e-mail.

    Jeśli to Państwa wniosek, prosimy otworzyć tę stronę i nacisnąć przycisk, który się na niej znajduje:

    { $url }

    Strona działa przez { $hours ->
        [one] { $hours } godzinę
        [few] { $hours } godziny
        [many] { $hours } godzin
       *[other] { $hours } godziny
    }. Wnioskiem zajmiemy się po naciśnięciu przycisku.

    Jeśli to nie Państwa wniosek, nie trzeba nic robić: bez naciśnięcia przycisku nic się nie stanie.

received-subject = Otrzymaliśmy Państwa wniosek ({ $reference })
received-body =
    Dziękujemy za wniosek. Jego numer to { $reference }.

    Teraz porównamy go z danymi szkoły, a potem napiszemy do Państwa. Nie muszą Państwo nic robić.

    W każdej chwili mogą Państwo sprawdzić, na jakim etapie jest wniosek:

    { $status_url }

    W razie pytań prosimy o kontakt ze szkołą ({ $contact }) i podanie numeru wniosku.

question-subject = Pytanie dotyczące Państwa wniosku ({ $reference })
question-body =
    Szkoła ({ $school }) ma pytanie dotyczące Państwa wniosku { $reference }:

    { $question }

    Prosimy o odpowiedź na tej stronie; nie trzeba się logować:

    { $status_url }

    Wniosek czeka na Państwa odpowiedź. Jeśli wolą Państwo z kimś porozmawiać, prosimy o kontakt ze szkołą ({ $contact }) i podanie numeru wniosku.

approved-subject = Państwa konto w { -moodle } ({ $reference })
approved-body =
    Państwa wniosek { $reference } został zatwierdzony. Z Państwa kontem w systemie { $moodle } { $children ->
        [one] powiązano { $children } dziecko
        [few] powiązano { $children } dzieci
        [many] powiązano { $children } dzieci
       *[other] powiązano { $children } dziecka
    }.

    Państwa nazwa użytkownika: { $username }

    { -moodle } wyśle Państwu pierwsze hasło w osobnej wiadomości, zwykle w ciągu godziny. Przy pierwszym logowaniu { -moodle } poprosi o jego zmianę.

    Tutaj mogą Państwo sprawdzić, czy konto jest gotowe:

    { $status_url }

    Jeśli wiadomość od { -moodle } nie nadejdzie, prosimy najpierw zajrzeć do folderu ze spamem. Następnie mogą Państwo skorzystać z odzyskiwania hasła na stronie logowania { -moodle }, podając powyższą nazwę użytkownika, albo skontaktować się ze szkołą ({ $contact }).

could-not-confirm-subject = Państwa wniosek ({ $reference })
could-not-confirm-body =
    Nie udało nam się dopasować danych z Państwa wniosku { $reference } do danych szkoły.

    Prosimy o kontakt ze szkołą ({ $contact }) i podanie numeru wniosku; tam otrzymają Państwo pomoc. Mogą Państwo także złożyć nowy wniosek na stronie { $public_url }, podając dane w takiej postaci, w jakiej zna je szkoła.

child-added-subject = Państwa konto zostało rozszerzone ({ $reference })
child-added-body =
    Państwa wniosek { $reference } został zatwierdzony, a konto w systemie { $moodle } powiązano zgodnie z Państwa prośbą. Może minąć godzina, zanim będzie to widoczne.

    Logują się Państwo tak jak dotąd; nazwa użytkownika i hasło się nie zmieniły.

    Tutaj mogą Państwo sprawdzić, czy wszystko jest gotowe:

    { $status_url }

    Jeśli do jutra nic się nie zmieni, prosimy o kontakt ze szkołą ({ $contact }) i podanie numeru wniosku.

access-ended-subject = Państwa konto rodzica lub opiekuna ({ $school })
access-ended-body =
    Państwa konto rodzica lub opiekuna w systemie { $moodle } wygasło i nie można się już na nie zalogować.

    Jeśli uważają Państwo, że to pomyłka, prosimy o kontakt ze szkołą: { $contact }.

new-address-subject = Prosimy o potwierdzenie nowego adresu e-mail ({ $school })
new-address-body =
    Szkołę ({ $school }) poproszono o używanie tego adresu e-mail dla istniejącego już konta rodzica lub opiekuna.

    Jeśli to Państwa adres i chcą Państwo tej zmiany, prosimy otworzyć tę stronę i nacisnąć przycisk, który się na niej znajduje:

    { $url }

    Strona działa przez { $hours ->
        [one] { $hours } godzinę
        [few] { $hours } godziny
        [many] { $hours } godzin
       *[other] { $hours } godziny
    }. Do tego czasu konto zachowuje stary adres e-mail. Nazwa użytkownika i hasło się nie zmieniają.

    Jeśli nie spodziewali się Państwo tej wiadomości, nie trzeba nic robić: bez naciśnięcia przycisku nic się nie stanie.

address-changing-subject = Adres e-mail Państwa konta rodzica lub opiekuna ({ $school })
address-changing-body =
    Państwa konto rodzica lub opiekuna w systemie { $moodle } ma otrzymać inny adres e-mail. Po potwierdzeniu nowego adresu wiadomości dotyczące konta nie będą już przychodzić na ten adres.

    Nazwa użytkownika i hasło się nie zmieniają.

    Jeśli nie prosili Państwo o tę zmianę, prosimy o pilny kontakt ze szkołą: { $contact }.
