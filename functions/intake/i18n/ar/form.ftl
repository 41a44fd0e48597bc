# The public pages in Arabic: written from right to left, in plain modern standard Arabic.

## Every page

skip-link = انتقل إلى المحتوى الرئيسي
language-label = اللغة
page-title = { $title } – { $school }
page-title-error = خطأ: { $title }
help-contact = هل تحتاج إلى مساعدة؟ للتواصل:
privacy-link = كيف نستخدم هذه المعلومات
optional = (اختياري)
child-number = الطفل { $number }

## The form

form-title = طلب حساب ولي أمر
form-intro = يتيح لك حساب ولي الأمر متابعة تعلّم طفلك على Moodle. يستغرق ملء النموذج نحو ثلاث دقائق.
steps-label = مراحل الطلب
step-details = بياناتك
step-check = المراجعة
step-sent = تم الإرسال
step-done = (تم)

kind-heading = ماذا تحتاج؟
kind-new-account = أحتاج إلى حساب جديد
kind-new-account-hint = لم يكن لديك حساب ولي أمر في هذه المدرسة من قبل.
kind-cannot-sign-in = لدي حساب لكن لا أستطيع تسجيل الدخول
kind-cannot-sign-in-hint = سنساعدك على استعادة الدخول.
kind-child-missing = لا أرى أحد أطفالي
kind-child-missing-hint = سنضيف إلى حسابك الأطفال الذين تذكرهم أدناه.
kind-other = أمر آخر
kind-other-hint = أخبرنا بما تحتاجه في نهاية هذه الصفحة.

you-heading = عنك
you-hint = يُرجى استخدام الاسم وعنوان البريد الإلكتروني المسجّلين لدى المدرسة.
title-label = اللقب
given-name-label = الاسم الأول
family-name-label = اسم العائلة
email-label = عنوان البريد الإلكتروني
email-hint = سنراسلك على هذا العنوان.

children-heading = أطفالك في هذه المدرسة
children-hint = اكتب أسماءهم كما تعرفها المدرسة. تبدو المجموعة الصفية مثل 8C، ويمكنك ترك الحقل فارغًا إن لم تكن متأكدًا.
tutor-group-label = المجموعة الصفية
add-child = إضافة طفل آخر
remove-child = حذف
child-added = أُضيف الطفل { $number }
child-removed = حُذف الطفل { $number }

comment-heading = هل هناك شيء آخر ينبغي أن نعرفه؟
comment-hint = مثل تغيير في الاسم. يُرجى عدم كتابة كلمات المرور أو التفاصيل الطبية.
comment-count = يمكنك كتابة { $max } حرف كحد أقصى.
comment-left = الأحرف المتبقية: { $count }
comment-over = الأحرف الزائدة: { $count }

trap-label = اترك هذا الحقل فارغًا
continue-button = متابعة
continue-hint = يمكنك مراجعة كل شيء قبل الإرسال.

## Faults

faults-title = هناك مشكلة
fault-prefix = خطأ:
fault-kind = اختر ما تحتاج إليه
fault-given-name = أدخل اسمك الأول
fault-family-name = أدخل اسم عائلتك
fault-email-required = أدخل عنوان بريدك الإلكتروني
fault-email-invalid = أدخل عنوان بريد إلكتروني مثل name@example.com
fault-child-given-name = أدخل الاسم الأول للطفل { $number }
fault-child-family-name = أدخل اسم عائلة الطفل { $number }
fault-children-required = اذكر طفلًا واحدًا على الأقل
fault-children-many = { $max ->
    [zero] لا يمكنك ذكر أي طفل هنا. يُرجى إرسال نموذج آخر
    [one] يمكنك ذكر طفل واحد هنا. يُرجى إرسال نموذج آخر للبقية
    [two] يمكنك ذكر طفلين هنا. يُرجى إرسال نموذج آخر للبقية
    [few] يمكنك ذكر { $max } أطفال هنا كحد أقصى. يُرجى إرسال نموذج آخر للبقية
    [many] يمكنك ذكر { $max } طفلًا هنا كحد أقصى. يُرجى إرسال نموذج آخر للبقية
   *[other] يمكنك ذكر { $max } طفل هنا كحد أقصى. يُرجى إرسال نموذج آخر للبقية
}
fault-declaration = ضع علامة في المربع لتأكيد صحة ما كتبته
fault-long = { $max ->
    [zero] { $field }: لا تكتب شيئًا هنا
    [one] { $field }: لا تستخدم أكثر من حرف واحد
    [two] { $field }: لا تستخدم أكثر من حرفين
    [few] { $field }: لا تستخدم أكثر من { $max } أحرف
    [many] { $field }: لا تستخدم أكثر من { $max } حرفًا
   *[other] { $field }: لا تستخدم أكثر من { $max } حرف
}
fault-unprintable = { $field }: حذفنا رمزًا لا يمكن عرضه. يُرجى التحقق مما تبقى
field-child-given-name = الاسم الأول للطفل { $number }
field-child-family-name = اسم عائلة الطفل { $number }
field-child-tutor-group = المجموعة الصفية للطفل { $number }

## Check your answers

check-title = راجع إجاباتك
check-you = أنت
check-kind = ما تحتاج إليه
check-name = الاسم
check-children = الأطفال
check-comment-heading = رسالتك
check-comment = الرسالة
check-none = لا شيء
change-button = تغيير
change-kind = ما تحتاج إليه
change-name = اسمك
change-email = عنوان بريدك الإلكتروني
change-child = الطفل { $number }
change-comment = رسالتك
declaration-label = ما كتبته صحيح، وأنا ولي أمر الأطفال الذين ذكرتهم أو مقدّم الرعاية لهم.
declaration-hint = تقارن المدرسة كل طلب بسجلاتها.
send-button = إرسال الطلب
send-again-button = المراجعة والإرسال مجددًا
back-button = رجوع
reset-hint = إذا كنت قد نسيت كلمة المرور فقط، فيمكنك تعيين كلمة مرور جديدة بنفسك الآن:
reset-link = إعادة تعيين كلمة مرور Moodle
expired-notice = ظلّت هذه الصفحة مفتوحة وقتًا طويلًا، ولذلك لم يُرسل شيء بعد. يُرجى مراجعة إجاباتك وإرسالها مجددًا.
changed-notice = تغيّرت هذه الإجابات منذ إرسال النموذج. يُرجى مراجعتها وإرسالها مجددًا.

## Sent

sent-title = تم إرسال الطلب
sent-reference = رقم طلبك المرجعي هو
sent-next = ماذا سيحدث بعد ذلك
sent-mail = أرسلنا إليك رسالة بريد إلكتروني. افتحها واضغط على الزر في الصفحة التي تقودك إليها، لنتأكد من أن العنوان لك. إذا لم تصل الرسالة خلال عشر دقائق، فابحث في مجلد البريد غير المرغوب فيه.
sent-received = أرسلنا إليك رسالة بريد إلكتروني تفيد بأن طلبك وصلنا. إذا لم تصل خلال عشر دقائق، فابحث في مجلد البريد غير المرغوب فيه.
sent-look = بعد ذلك تقارن المدرسة بياناتك بسجلاتها.
sent-answer = سنراسلك فور وجود جديد. وتحتوي الرسائل أيضًا على رابط يمكنك من خلاله معرفة أين وصل طلبك.
sent-keep = يُرجى الاحتفاظ بالرقم المرجعي. يمكنك تقديمه إلى مكتب المدرسة إذا كان لديك سؤال.

## Confirm the email address

confirm-title = تأكيد عنوان بريدك الإلكتروني
confirm-text = اضغط على الزر لتأكيد أنك أرسلت إلينا طلبًا وأن عنوان البريد الإلكتروني هذا لك.
confirm-button = تأكيد عنوان بريدي الإلكتروني
confirm-not-you = إذا لم ترسل إلينا طلبًا، فما عليك إلا إغلاق هذه الصفحة، ولن يحدث شيء.
confirmed-title = تم تأكيد عنوان بريدك الإلكتروني
confirmed-reference = رقم طلبك المرجعي هو
confirmed-text = شكرًا لك. ستنظر المدرسة الآن في طلبك. ستصلك رسالة فيها رابط يمكنك من خلاله معرفة أين وصل طلبك.
confirmed-status = معرفة أين وصل طلبك

## Status

status-title = طلبك
status-reference = الرقم المرجعي
status-sent-on = تاريخ الإرسال
status-steps = أين وصل الطلب
status-step-sent = أرسلت الطلب
status-step-confirmed = أكّدت عنوان بريدك الإلكتروني
status-step-seen = المدرسة تنظر في طلبك
status-step-ready = حسابك جاهز
status-now = (الآن)
status-unconfirmed = يُرجى فتح رسالتنا والضغط على الزر في الصفحة التي تقودك إليها. إذا لم تجد الرسالة، فابحث في مجلد البريد غير المرغوب فيه.
status-pending = تقارن المدرسة بياناتك بسجلاتها. ليس عليك فعل أي شيء.
status-question = لدى المدرسة سؤال لك. يُرجى الإجابة أدناه.
status-answered = شكرًا على إجابتك. ستنظر المدرسة فيها الآن.
status-late = وصلتنا إجابتك من قبل، أو لم يعد السؤال مطروحًا.
status-approved = وافقت المدرسة على طلبك. يجري إعداد حسابك، وقد يستغرق ذلك ساعة. ستصلك رسالة عندما يمكنك تسجيل الدخول.
status-ready = كل شيء جاهز. أرسلنا إليك رسالة تشرح كيفية تسجيل الدخول.
status-closed = هذا الطلب مغلق. إذا كنت ترى أن هناك خطأ ما، فيُرجى التواصل مع مكتب المدرسة وذكر الرقم المرجعي.
question-heading = سؤال من المدرسة
answer-label = إجابتك
answer-button = إرسال الإجابة
fault-answer = اكتب إجابتك
sign-in-link = الانتقال إلى Moodle

## Closed

closed-title = النموذج مغلق
closed-text = لا يمكنك إرسال طلب هنا في الوقت الحالي. يُرجى التواصل مع المدرسة إذا كنت تحتاج إلى حساب أو إلى مساعدة بشأنه.
closed-contact = للتواصل:

## When something goes wrong

fault-reference = إذا طلبت المساعدة من مكتب المدرسة، فاذكر هذا الرقم:
to-form = الانتقال إلى النموذج
wrong-400-title = لم نتمكن من قراءة ما أُرسل
wrong-400-text = يُرجى الرجوع وإعادة تحميل الصفحة ثم المحاولة مرة أخرى.
wrong-403-title = جاء هذا من صفحة أخرى
wrong-403-text = حرصًا على سلامتك لا نقبل إلا النماذج المملوءة في هذا الموقع. يُرجى فتح النموذج هنا وإرساله مجددًا.
wrong-404-title = لا يوجد شيء هنا
wrong-404-text = ربما كُتب العنوان خطأً أو لم يعد مستخدمًا. إذا جئت من إحدى رسائلنا، فاستخدم الرابط الموجود في أحدث رسالة.
wrong-405-title = لا يمكن استخدام هذه الصفحة بهذه الطريقة
wrong-405-text = يُرجى البدء من جديد بالنموذج.
wrong-413-title = هذا أكثر مما يمكننا استقباله دفعة واحدة
wrong-413-text = يُرجى الرجوع واختصار ما كتبته.
wrong-415-title = لم نتمكن من قراءة ما أُرسل
wrong-415-text = يُرجى استخدام النموذج في هذا الموقع وإرساله بالزر الخاص به.
wrong-422-title = لا يمكننا استخدام ما أُرسل
wrong-422-text = يُرجى الرجوع والتحقق مما كتبته ثم المحاولة مرة أخرى.
wrong-429-title = يُرجى المحاولة لاحقًا
wrong-429-text = { $minutes ->
    [zero] وصلتنا منك نماذج كثيرة، لذلك نطلب منك الانتظار. لم يُرسل شيء. يُرجى المحاولة بعد قليل.
    [one] وصلتنا منك نماذج كثيرة، لذلك نطلب منك الانتظار. لم يُرسل شيء. يُرجى المحاولة بعد دقيقة.
    [two] وصلتنا منك نماذج كثيرة، لذلك نطلب منك الانتظار. لم يُرسل شيء. يُرجى المحاولة بعد دقيقتين تقريبًا.
    [few] وصلتنا منك نماذج كثيرة، لذلك نطلب منك الانتظار. لم يُرسل شيء. يُرجى المحاولة بعد { $minutes } دقائق تقريبًا.
    [many] وصلتنا منك نماذج كثيرة، لذلك نطلب منك الانتظار. لم يُرسل شيء. يُرجى المحاولة بعد { $minutes } دقيقة تقريبًا.
   *[other] وصلتنا منك نماذج كثيرة، لذلك نطلب منك الانتظار. لم يُرسل شيء. يُرجى المحاولة بعد { $minutes } دقيقة تقريبًا.
}
wrong-500-title = حدث خطأ لدينا
wrong-500-text = ليس الخطأ منك. يُرجى الرجوع والمحاولة مرة أخرى بعد بضع دقائق.
wrong-503-title = نحن مشغولون للحظات
wrong-503-text = لم تفقد شيئًا. يُرجى الرجوع والمحاولة مرة أخرى بعد دقيقة.

## Dates

date = { $day } { $month } { $year }
month-1 = يناير
month-2 = فبراير
month-3 = مارس
month-4 = أبريل
month-5 = مايو
month-6 = يونيو
month-7 = يوليو
month-8 = أغسطس
month-9 = سبتمبر
month-10 = أكتوبر
month-11 = نوفمبر
month-12 = ديسمبر
