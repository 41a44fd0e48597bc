# Mails, in Welsh. Numbers take the mutations of the noun: 2 blentyn, 3 phlentyn, 6 phlentyn.

-moodle = Moodle

greeting = Annwyl { $name },
greeting-without-name = Helo,

confirm-address-subject = Cadarnhewch eich cyfeiriad e-bost, os gwelwch yn dda ({ $reference })
confirm-address-body =
    Mae rhywun, chi yn ôl pob tebyg, wedi gofyn i { $school } am gyfrif rhiant neu ofalwr ac wedi rhoi'r cyfeiriad e-bost hwn.

    Os mai chi oedd hynny, agorwch y dudalen hon a phwyswch y botwm sydd arni:

    { $url }

    Bydd y dudalen yn gweithio am { $hours ->
        [zero] { $hours } awr
        [one] { $hours } awr
        [two] { $hours } awr
        [few] { $hours } awr
        [many] { $hours } awr
       *[other] { $hours } awr
    }. Byddwn yn edrych ar eich cais ar ôl ichi wneud hyn.

    Os nad chi oedd hynny, nid oes angen gwneud dim: heb bwyso'r botwm, ni fydd dim yn digwydd.

received-subject = Rydym wedi derbyn eich cais ({ $reference })
received-body =
    Diolch am eich cais. Ei gyfeirnod yw { $reference }.

    Byddwn nawr yn ei gymharu â chofnodion yr ysgol ac yn ysgrifennu atoch ar ôl gwneud hynny. Nid oes angen ichi wneud dim.

    Gallwch weld unrhyw bryd beth yw hynt eich cais:

    { $status_url }

    Os hoffech holi amdano, cysylltwch â'r ysgol ({ $contact }) a rhowch y cyfeirnod.

question-subject = Cwestiwn am eich cais ({ $reference })
question-body =
    Mae gan { $school } gwestiwn am eich cais { $reference }:

    { $question }

    Atebwch ar y dudalen hon, os gwelwch yn dda; nid oes angen mewngofnodi:

    { $status_url }

    Bydd eich cais yn aros nes inni gael eich ateb. Os byddai'n well gennych siarad â rhywun, cysylltwch â'r ysgol ({ $contact }) a rhowch y cyfeirnod.

approved-subject = Eich cyfrif { -moodle } ({ $reference })
approved-body =
    Mae eich cais { $reference } wedi'i gymeradwyo. { $children ->
        [zero] Nid oes plentyn wedi'i gysylltu â'ch cyfrif ar gyfer { $moodle } eto.
        [one] Mae { $children } plentyn wedi'i gysylltu â'ch cyfrif ar gyfer { $moodle }.
        [two] Mae { $children } blentyn wedi'u cysylltu â'ch cyfrif ar gyfer { $moodle }.
        [few] Mae { $children } phlentyn wedi'u cysylltu â'ch cyfrif ar gyfer { $moodle }.
        [many] Mae { $children } phlentyn wedi'u cysylltu â'ch cyfrif ar gyfer { $moodle }.
       *[other] Mae { $children } plentyn wedi'u cysylltu â'ch cyfrif ar gyfer { $moodle }.
    }

    Eich enw defnyddiwr yw: { $username }

    Bydd { -moodle } yn anfon eich cyfrinair cyntaf atoch mewn neges ar wahân, fel arfer o fewn awr. Bydd { -moodle } yn gofyn ichi ei newid pan fyddwch yn mewngofnodi am y tro cyntaf.

    Gallwch weld yma a yw'r cyfrif yn barod:

    { $status_url }

    Os na ddaw'r neges gan { -moodle }, edrychwch yn eich ffolder sbam yn gyntaf. Yna defnyddiwch y ddolen ar gyfer cyfrinair coll ar dudalen mewngofnodi { -moodle } gyda'r enw defnyddiwr uchod, neu cysylltwch â'r ysgol ({ $contact }).

could-not-confirm-subject = Eich cais ({ $reference })
could-not-confirm-body =
    Nid oeddem yn gallu paru manylion eich cais { $reference } â chofnodion yr ysgol.

    Cysylltwch â'r ysgol ({ $contact }) a rhowch y cyfeirnod, os gwelwch yn dda; bydd modd iddynt eich helpu. Gallwch hefyd anfon cais newydd yn { $public_url } gan roi'r manylion fel y maent gan yr ysgol.

child-added-subject = Mae eich cyfrif wedi'i ehangu ({ $reference })
child-added-body =
    Mae eich cais { $reference } wedi'i gymeradwyo, ac mae eich cyfrif ar gyfer { $moodle } wedi'i gysylltu fel y gofynnoch. Gall gymryd awr cyn ichi weld hyn.

    Byddwch yn mewngofnodi fel o'r blaen; nid yw eich enw defnyddiwr na'ch cyfrinair wedi newid.

    Gallwch weld yma a yw popeth yn barod:

    { $status_url }

    Os na fyddwch yn ei weld erbyn yfory, cysylltwch â'r ysgol ({ $contact }) a rhowch y cyfeirnod.

access-ended-subject = Eich cyfrif rhiant neu ofalwr ({ $school })
access-ended-body =
    Mae eich cyfrif rhiant neu ofalwr ar gyfer { $moodle } wedi dod i ben, ac ni allwch fewngofnodi ag ef mwyach.

    Os ydych yn credu mai camgymeriad yw hyn, cysylltwch â'r ysgol, os gwelwch yn dda: { $contact }.

new-address-subject = Cadarnhewch eich cyfeiriad e-bost newydd ar gyfer { $school }, os gwelwch yn dda
new-address-body =
    Gofynnwyd i { $school } ddefnyddio'r cyfeiriad e-bost hwn ar gyfer cyfrif rhiant neu ofalwr sy'n bodoli eisoes.

    Os chi biau'r cyfeiriad ac os ydych am wneud hyn, agorwch y dudalen hon a phwyswch y botwm sydd arni:

    { $url }

    Bydd y dudalen yn gweithio am { $hours ->
        [zero] { $hours } awr
        [one] { $hours } awr
        [two] { $hours } awr
        [few] { $hours } awr
        [many] { $hours } awr
       *[other] { $hours } awr
    }. Tan hynny bydd y cyfrif yn cadw ei hen gyfeiriad e-bost. Nid yw eich enw defnyddiwr na'ch cyfrinair yn newid.

    Os nad oeddech yn disgwyl hyn, nid oes angen gwneud dim: heb bwyso'r botwm, ni fydd dim yn digwydd.

address-changing-subject = Cyfeiriad e-bost eich cyfrif rhiant neu ofalwr ({ $school })
address-changing-body =
    Bydd eich cyfrif rhiant neu ofalwr ar gyfer { $moodle } yn cael cyfeiriad e-bost arall. Ni fydd negeseuon amdano yn dod i'r cyfeiriad hwn ar ôl i'r un newydd gael ei gadarnhau.

    Nid yw eich enw defnyddiwr na'ch cyfrinair yn newid.

    Os na wnaethoch ofyn am hyn, cysylltwch â'r ysgol ar unwaith, os gwelwch yn dda: { $contact }.
