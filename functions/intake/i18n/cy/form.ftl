# The public pages in Welsh.

## Every page

skip-link = Neidio i’r prif gynnwys
language-label = Iaith
page-title = { $title } – { $school }
page-title-error = Gwall: { $title }
help-contact = Angen help? Cysylltwch â:
privacy-link = Sut rydym yn defnyddio’r wybodaeth hon
optional = (dewisol)
child-number = Plentyn { $number }

## The form

form-title = Gofyn am gyfrif rhiant
form-intro = Gyda chyfrif rhiant gallwch ddilyn dysgu eich plentyn ar Moodle. Mae’r ffurflen yn cymryd tua thair munud.
steps-label = Cynnydd
step-details = Eich manylion
step-check = Gwirio
step-sent = Anfonwyd
step-done = (wedi’i wneud)

kind-heading = Beth sydd ei angen arnoch chi?
kind-new-account = Mae angen cyfrif newydd arnaf
kind-new-account-hint = Nid ydych wedi cael cyfrif rhiant yn yr ysgol hon o’r blaen.
kind-cannot-sign-in = Mae gen i gyfrif ond ni allaf fewngofnodi
kind-cannot-sign-in-hint = Byddwn yn eich helpu i fynd yn ôl i mewn.
kind-child-missing = Ni allaf weld un o fy mhlant
kind-child-missing-hint = Byddwn yn ychwanegu’r plant rydych yn eu henwi isod at eich cyfrif.
kind-other = Rhywbeth arall
kind-other-hint = Dywedwch wrthym beth sydd ei angen arnoch ar ddiwedd y dudalen hon.

you-heading = Amdanoch chi
you-hint = Defnyddiwch yr enw a’r cyfeiriad e-bost sydd gan yr ysgol ar eich cyfer.
title-label = Teitl
given-name-label = Enw cyntaf
family-name-label = Cyfenw
email-label = Cyfeiriad e-bost
email-hint = Byddwn yn ysgrifennu atoch yn y cyfeiriad hwn.

children-heading = Eich plant yn yr ysgol hon
children-hint = Ysgrifennwch eu henwau fel y mae’r ysgol yn eu hadnabod. Mae grŵp tiwtor yn edrych fel 8C; gadewch ef yn wag os nad ydych yn siŵr.
tutor-group-label = Grŵp tiwtor
add-child = Ychwanegu plentyn arall
remove-child = Tynnu
child-added = Ychwanegwyd plentyn { $number }
child-removed = Tynnwyd plentyn { $number }

comment-heading = Unrhyw beth arall y dylem ei wybod?
comment-hint = Er enghraifft, enw sydd wedi newid. Peidiwch â chynnwys cyfrineiriau na manylion meddygol.
comment-count = Gallwch ysgrifennu hyd at { $max } o nodau.
comment-left = Nodau ar ôl: { $count }
comment-over = Nodau’n ormod: { $count }

trap-label = Gadewch y maes hwn yn wag
continue-button = Parhau
continue-hint = Gallwch wirio popeth cyn ei anfon.

## Faults

faults-title = Mae problem
fault-prefix = Gwall:
fault-kind = Dewiswch beth sydd ei angen arnoch
fault-given-name = Rhowch eich enw cyntaf
fault-family-name = Rhowch eich cyfenw
fault-email-required = Rhowch eich cyfeiriad e-bost
fault-email-invalid = Rhowch gyfeiriad e-bost fel enw@example.com
fault-child-given-name = Rhowch enw cyntaf plentyn { $number }
fault-child-family-name = Rhowch gyfenw plentyn { $number }
fault-children-required = Enwch o leiaf un plentyn
fault-children-many = Gallwch enwi hyd at { $max } o blant yma. Anfonwch ffurflen arall ar gyfer y lleill
fault-declaration = Ticiwch y blwch i gadarnhau bod yr hyn a ysgrifennoch yn wir
fault-long = { $max ->
    [one] { $field }: defnyddiwch ddim mwy na { $max } nod
   *[other] { $field }: defnyddiwch ddim mwy na { $max } nod
}
fault-unprintable = { $field }: rydym wedi tynnu nod na ellir ei ddangos. Gwiriwch yr hyn sydd ar ôl
field-child-given-name = Enw cyntaf plentyn { $number }
field-child-family-name = Cyfenw plentyn { $number }
field-child-tutor-group = Grŵp tiwtor plentyn { $number }

## Check your answers

check-title = Gwirio eich atebion
check-you = Chi
check-kind = Beth sydd ei angen arnoch
check-name = Enw
check-children = Plant
check-comment-heading = Eich neges
check-comment = Neges
check-none = Dim
change-button = Newid
change-kind = beth sydd ei angen arnoch
change-name = eich enw
change-email = eich cyfeiriad e-bost
change-child = plentyn { $number }
change-comment = eich neges
declaration-label = Mae’r hyn rwyf wedi’i ysgrifennu yn wir, ac rwy’n rhiant neu’n ofalwr i’r plant rwyf wedi’u henwi.
declaration-hint = Mae’r ysgol yn cymharu pob cais â’i chofnodion ei hun.
send-button = Anfon y cais
send-again-button = Gwirio ac anfon eto
back-button = Yn ôl
reset-hint = Os mai dim ond wedi anghofio eich cyfrinair yr ydych, gallwch osod un newydd eich hun ar unwaith:
reset-link = Ailosod fy nghyfrinair Moodle
expired-notice = Bu’r dudalen hon ar agor am amser hir, felly nid oes dim wedi’i anfon eto. Gwiriwch eich atebion a’u hanfon eto.
changed-notice = Mae’r atebion hyn wedi newid ers i chi anfon y ffurflen hon. Gwiriwch nhw a’u hanfon eto.

## Sent

sent-title = Cais wedi’i anfon
sent-reference = Eich cyfeirnod yw
sent-next = Beth sy’n digwydd nesaf
sent-mail = Rydym wedi anfon e-bost atoch. Agorwch ef a phwyswch y botwm ar y dudalen y mae’n arwain ati, fel ein bod yn gwybod mai chi biau’r cyfeiriad. Os nad yw’r e-bost wedi cyrraedd ymhen deg munud, edrychwch yn eich ffolder sbam.
sent-received = Rydym wedi anfon e-bost atoch i ddweud bod eich cais gennym. Os nad yw wedi cyrraedd ymhen deg munud, edrychwch yn eich ffolder sbam.
sent-look = Yna mae’r ysgol yn cymharu eich manylion â’i chofnodion.
sent-answer = Byddwn yn ysgrifennu atoch cyn gynted ag y bydd newyddion. Mae’r e-byst hefyd yn cynnwys dolen lle gallwch weld pa mor bell yr ydym wedi cyrraedd.
sent-keep = Cadwch y cyfeirnod. Gallwch ei roi i swyddfa’r ysgol os oes gennych gwestiwn.

## Confirm the email address

confirm-title = Cadarnhau eich cyfeiriad e-bost
confirm-text = Pwyswch y botwm i gadarnhau eich bod wedi anfon cais atom ac mai chi biau’r cyfeiriad e-bost hwn.
confirm-button = Cadarnhau fy nghyfeiriad e-bost
confirm-not-you = Os na wnaethoch anfon cais atom, caewch y dudalen hon. Ni fydd dim yn digwydd wedyn.
confirmed-title = Mae eich cyfeiriad e-bost wedi’i gadarnhau
confirmed-reference = Eich cyfeirnod yw
confirmed-text = Diolch. Bydd yr ysgol yn edrych ar eich cais nesaf. Cewch e-bost gyda dolen lle gallwch weld pa mor bell yr ydym wedi cyrraedd.
confirmed-status = Gweld pa mor bell y mae eich cais wedi cyrraedd

change-title = Cadarnhau eich cyfeiriad e-bost newydd
change-text = Pwyswch y botwm i gadarnhau mai chi biau’r cyfeiriad e-bost hwn ac y bydd eich cyfrif rhiant neu ofalwr yn ei ddefnyddio o hyn ymlaen.
change-not-you = Os nad oeddech yn disgwyl hyn, caewch y dudalen hon. Ni fydd dim yn digwydd wedyn.
changed-title = Mae eich cyfeiriad e-bost newydd wedi’i gadarnhau
changed-text = Diolch. O hyn ymlaen byddwn yn ysgrifennu i’r cyfeiriad hwn. Byddwch yn mewngofnodi fel o’r blaen: nid yw eich enw defnyddiwr na’ch cyfrinair wedi newid.

## Status

status-title = Eich cais
status-reference = Cyfeirnod
status-sent-on = Anfonwyd ar
status-steps = Pa mor bell yr ydym wedi cyrraedd
status-step-sent = Fe wnaethoch anfon y cais
status-step-confirmed = Fe wnaethoch gadarnhau eich cyfeiriad e-bost
status-step-seen = Mae’r ysgol yn edrych ar eich cais
status-step-ready = Mae eich cyfrif yn barod
status-now = (nawr)
status-unconfirmed = Agorwch ein e-bost a phwyswch y botwm ar y dudalen y mae’n arwain ati. Os na allwch ddod o hyd i’r e-bost, edrychwch yn eich ffolder sbam.
status-pending = Mae’r ysgol yn cymharu eich manylion â’i chofnodion. Nid oes angen i chi wneud dim.
status-question = Mae gan yr ysgol gwestiwn i chi. Atebwch isod.
status-answered = Diolch am eich ateb. Bydd yr ysgol yn edrych arno nesaf.
status-late = Mae eich ateb gennym eisoes, neu nid yw’r cwestiwn ar agor mwyach.
status-approved = Mae’r ysgol wedi cymeradwyo eich cais. Mae eich cyfrif yn cael ei baratoi; gall hyn gymryd awr. Cewch e-bost pan allwch fewngofnodi.
status-ready = Mae popeth yn barod. Rydym wedi anfon e-bost atoch sy’n dweud sut i fewngofnodi.
status-closed = Mae’r cais hwn wedi’i gau. Os ydych yn meddwl nad yw rhywbeth yn iawn, cysylltwch â swyddfa’r ysgol a rhowch y cyfeirnod.
question-heading = Cwestiwn gan yr ysgol
answer-label = Eich ateb
answer-button = Anfon yr ateb
fault-answer = Ysgrifennwch eich ateb
sign-in-link = Mynd i Moodle

## Closed

closed-title = Mae’r ffurflen ar gau
closed-text = Ni allwch anfon cais yma ar hyn o bryd. Cysylltwch â’r ysgol os oes angen cyfrif arnoch neu help gydag un.
closed-contact = Cyswllt:

## When something goes wrong

fault-reference = Os byddwch yn gofyn i swyddfa’r ysgol am help, rhowch y rhif hwn iddynt:
to-form = Mynd i’r ffurflen
wrong-400-title = Nid oeddem yn gallu darllen yr hyn a anfonwyd
wrong-400-text = Ewch yn ôl, ail-lwythwch y dudalen a rhowch gynnig arall arni.
wrong-403-title = Daeth hwn o dudalen arall
wrong-403-text = Er eich diogelwch, dim ond ffurflenni a lenwyd ar y wefan hon yr ydym yn eu derbyn. Agorwch y ffurflen yma a’i hanfon eto.
wrong-404-title = Nid oes dim yma
wrong-404-text = Efallai fod y cyfeiriad wedi’i deipio’n anghywir neu nad yw’n cael ei ddefnyddio mwyach. Os daethoch o un o’n e-byst, defnyddiwch y ddolen yn yr un mwyaf diweddar.
wrong-405-title = Ni ellir defnyddio’r dudalen hon fel hyn
wrong-405-text = Dechreuwch eto gyda’r ffurflen.
wrong-413-title = Mae hynny’n ormod ar unwaith
wrong-413-text = Ewch yn ôl a byrhewch yr hyn rydych wedi’i ysgrifennu.
wrong-415-title = Nid oeddem yn gallu darllen yr hyn a anfonwyd
wrong-415-text = Defnyddiwch y ffurflen ar y wefan hon, a’i hanfon gyda’i botwm ei hun.
wrong-422-title = Ni allwn ddefnyddio’r hyn a anfonwyd
wrong-422-text = Ewch yn ôl, gwiriwch yr hyn rydych wedi’i ysgrifennu a rhowch gynnig arall arni.
wrong-429-title = Rhowch gynnig arall arni’n nes ymlaen
wrong-429-text = Cafodd gormod ei anfon neu ei roi ar brawf yma mewn amser byr, felly rhaid i ni ofyn i chi aros. Nid oes dim a wnaethoch wedi’i golli na’i newid.
wait-minutes = { $minutes ->
    [one] Rhowch gynnig arall arni ymhen munud.
    [two] Rhowch gynnig arall arni ymhen tua { $minutes } funud.
   *[other] Rhowch gynnig arall arni ymhen tua { $minutes } munud.
}
wait-hours = { $hours ->
    [one] Rhowch gynnig arall arni ymhen tuag awr.
   *[other] Rhowch gynnig arall arni ymhen tua { $hours } awr.
}
wrong-500-title = Aeth rhywbeth o’i le yma
wrong-500-text = Nid eich bai chi yw hyn. Ewch yn ôl a rhowch gynnig arall arni ymhen ychydig funudau.
wrong-503-title = Rydym yn brysur am eiliad
wrong-503-text = Nid oes dim wedi’i golli ar eich ochr chi. Ewch yn ôl a rhowch gynnig arall arni ymhen munud.

## Dates

date = { $day } { $month } { $year }
month-1 = Ionawr
month-2 = Chwefror
month-3 = Mawrth
month-4 = Ebrill
month-5 = Mai
month-6 = Mehefin
month-7 = Gorffennaf
month-8 = Awst
month-9 = Medi
month-10 = Hydref
month-11 = Tachwedd
month-12 = Rhagfyr
