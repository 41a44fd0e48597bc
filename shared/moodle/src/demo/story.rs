//! The requests that the demonstration sends, as adults type them, and what should become of each.
//!
//! Requests come in this order: a later one may be of an adult whom an earlier one made known. What does not live here:
//! sending them, and deciding about them.

use kinlink_domain::request::Kind;

use super::{
    names::{LONGEST_FAMILY, LONGEST_GIVEN},
    school::staff_address,
};

/// A request of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoFamily {
    /// Who asks.
    pub adult: DemoAdult,
    /// The kind of request.
    pub kind: Kind,
    /// The children, 0 to 4, as typed.
    pub children: Vec<DemoChild>,
    /// What the adult wrote besides; often nothing.
    pub comment: &'static str,
    /// What should become of the request.
    pub expectation: Expectation,
}

/// An adult as typed into the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoAdult {
    /// Title; may be empty.
    pub title: &'static str,
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// Email address, in a domain that nobody owns.
    pub email: String,
    /// Language of the page that was used, such as `en` or `pl`.
    pub locale: &'static str,
}

/// A child as an adult typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoChild {
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// Tutor group; may be empty.
    pub tutor_group: &'static str,
    /// Admission number, when the adult knew it.
    pub admission_number: Option<&'static str>,
}

/// What should become of a request. "Exact" means: one pupil at the school by name and tutor group, folded for case,
/// accents, hyphens, apostrophes and blanks, or by admission number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// Every child matches exactly, character by character.
    Exact,
    /// Every child matches exactly, but only after folding: typed without accents or apostrophe, in other case.
    ExactAfterFolding,
    /// The admission number is a pupil's, the name beside it is not quite: proposed by the number, for a person to look at.
    NumberNotName,
    /// Exact, and the pupil has no context row in Moodle, or one without a path: the provisioner has to make or await it.
    ExactContextMissing,
    /// The name is a pupil's, the tutor group is not: no exact match, a person decides.
    WrongTutorGroup,
    /// Two pupils bear this name in this tutor group: a person has to pick one, and has to ask which.
    SameNameInGroup,
    /// No pupil at the school is called that; perhaps a leaver or a member of staff is, who must not match.
    Nobody,
    /// The adult is known by an earlier request with the same email address: the child joins the same account.
    Sibling,
    /// Exact, but the address is the user name of a member of staff in Moodle (authentication `manual`): Moodle would
    /// pass over a login row of that name.
    StaffParent,
    /// As [`Expectation::StaffParent`], with a parent account that was made and linked by hand.
    AccountMadeByHand,
    /// Exact, but the address holds `+` or `'`, which Moodle refuses in user names: the login row needs another one.
    UnusableUserName,
    /// Exact, with one request for two people ("Mr and Mrs").
    JointTitle,
    /// The same request once more: one request, not two.
    Duplicate,
    /// Exact, but staff deny it (no parental responsibility).
    Denied,
    /// Nonsense or an attempt: staff mark it bogus.
    Bogus,
    /// Names no child to be linked; a person answers.
    ForAPerson,
}

const fn child(given: &'static str, family: &'static str, tutor_group: &'static str) -> DemoChild {
    DemoChild { given, family, tutor_group, admission_number: None }
}

const fn numbered(
    (given, family, tutor_group): (&'static str, &'static str, &'static str),
    admission_number: &'static str,
) -> DemoChild {
    DemoChild { given, family, tutor_group, admission_number: Some(admission_number) }
}

type Adult<'a> = (&'static str, &'static str, &'static str, &'a str, &'static str);

fn asks(
    expectation: Expectation,
    (title, given, family, email, locale): Adult<'_>,
    children: &[DemoChild],
) -> DemoFamily {
    DemoFamily {
        adult: DemoAdult { title, given, family, email: email.to_owned(), locale },
        kind: Kind::NewAccount,
        children: children.to_vec(),
        comment: "",
        expectation,
    }
}

impl DemoFamily {
    fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    fn comment(self, comment: &'static str) -> Self {
        Self { comment, ..self }
    }
}

/// The families, in the order of their requests.
#[must_use]
#[rustfmt::skip]
#[allow(clippy::too_many_lines, reason = "one list, read from top to bottom")]
pub fn story() -> Vec<DemoFamily> {
    use Expectation::{
        AccountMadeByHand, Bogus, Denied, Duplicate, Exact, ExactAfterFolding, ExactContextMissing, ForAPerson,
        JointTitle, Nobody, NumberNotName, SameNameInGroup, Sibling, StaffParent, UnusableUserName, WrongTutorGroup,
    };
    vec![
        // Nothing to think about.
        asks(Exact, ("Mrs", "Rachel", "Turner", "rachel.turner@example.org", "en"), &[
            child("Amelia", "Turner", "7KL"), child("Isla", "Turner", "8TH"),
            child("Oscar", "Turner", "9KL"), child("Ella", "Turner", "11RS"),
        ]),
        asks(Exact, ("Mr", "Gwilym", "Williams", "gwilym@williams.test", "en"), &[child("Noah", "Williams", "8KL")]),
        asks(Exact, ("Dr", "Chidi", "Okafor", "chidi.okafor@example.org", "en"), &[
            child("Grace", "Okafor", "7TH"), numbered(("Daniel", "Okafor", "9TH"), "A00140"),
        ]),
        asks(Exact, ("Ms", "Laura", "Wright", "laura.wright@example.org", "en"), &[child("Thomas", "Wright", "10MB")])
            .comment("He has the same name as one of the teachers!"),
        asks(Exact, ("Mx", "Robin", "Cooper", "robin@cooper.test", "en"), &[numbered(("Ethan", "Cooper", "11MB"), "A00143")]),
        asks(Exact, ("", "Meera", "Patel", "meera.patel@example.org", "en"), &[
            child("Harry", "Patel", "7MB"), child("Anika", "Patel", "10RS"),
        ]),
        asks(Exact, ("Mrs", "Harpreet", "Kaur", "harpreet.kaur@example.org", "pa"), &[
            child("Jasmine", "Kaur", "7TH"), child("Arjan", "Singh", "9RS"),
        ]),
        // The same name in another tutor group is no obstacle when the group is right.
        asks(Exact, ("Mr", "Paul", "Smith", "paul.smith@example.org", "en"), &[child("Jack", "Smith", "9RS")]),
        // Other scripts, one letter, a hundred letters.
        asks(Exact, ("Mr", "أحمد", "العلي", "ahmed.alali@example.org", "ar"), &[child("محمد", "العلي", "7TH")]),
        asks(Exact, ("Ms", "רות", "כהן", "ruth.cohen@example.org", "he"), &[child("נועה", "כהן", "9MB")]),
        asks(Exact, ("Mrs", "丽", "王", "wang.li@example.org", "zh_cn"), &[child("小明", "王", "8TH")]),
        asks(Exact, ("Mr", "K", "O", "k.o@example.org", "en"), &[child("J", "O", "10MB")]),
        asks(Exact, ("Lady", "Arabella", LONGEST_FAMILY, "arabella@example.org", "en"), &[child(LONGEST_GIVEN, LONGEST_FAMILY, "11KL")]),

        // Typed without accents, apostrophes, hyphens; in capitals; with another apostrophe; composed instead of decomposed.
        asks(ExactAfterFolding, ("Ms", "Aoife", "O'Brien", "aoife@example.org", "en"), &[
            child("niamh", "obrien shah", "7kl"), child("CORMAC", "O'BRIEN SHAH", "9RS"),
        ]),
        asks(ExactAfterFolding, ("Mr", "Brendan", "O'Brien", "brendan.obrien@example.org", "en"), &[
            child("Liam", "O\u{2019}Brien", "8MB"), child("Aoife", "O'Brien", "10TH"),
        ]),
        asks(ExactAfterFolding, ("Mrs", "Julie", "Clark", "julie.clark@example.org", "en"), &[child("Zoe", "Clark", "7MB")]),
        asks(ExactAfterFolding, ("Mr", "Declan", "Byrne", "declan@byrne.test", "en"), &[child("Sean", "Byrne", "8 KL")]),
        asks(ExactAfterFolding, ("Sra", "Carmen", "García López", "carmen@garcialopez.test", "es"), &[
            child("Mateo", "García-López", "7RS"), child("Lucia", "Garcia Lopez", "9KL"),
        ]),
        asks(ExactAfterFolding, ("Mme", "Hélène", "Dubois", "helene.dubois@example.org", "fr"), &[child("Ren\u{e9}e", "Dubois", "7MB")]),
        asks(ExactAfterFolding, ("Pani", "Ewa", "Wiśniewska", "ewa.wisniewska@example.org", "pl"), &[child("Lukasz", "Wisniewski", "8RS")]),
        asks(ExactAfterFolding, ("Fr", "Anette", "Sørensen", "anette@sorensen.test", "da"), &[child("Bjorn", "Sorensen", "10KL")]),

        // A number that is right beside a name that is not quite.
        asks(NumberNotName, ("Mr", "Stefan", "Nowak", "stefan.nowak@example.org", "pl"), &[numbered(("Lilly", "Novak", "9KL"), "A00154")]),

        // Moodle's own gaps: no context row; a context row without a path.
        asks(ExactContextMissing, ("Mrs", "Diane", "Marlow", "diane.marlow@example.org", "en"), &[child("Theo", "Marlow", "7KL")]),
        asks(ExactContextMissing, ("Mr", "Colin", "Ashby", "colin.ashby@example.org", "en"), &[child("Nell", "Ashby", "10TH")]),

        // A person has to decide.
        asks(WrongTutorGroup, ("Mrs", "Angela", "Bennett", "angela.bennett@example.org", "en"), &[child("Chloe", "Bennett", "8MB")]),
        asks(WrongTutorGroup, ("Mr", "Lars", "Lindqvist", "lars@lindqvist.test", "sv"), &[child("Freya", "Lindqvist", "9")])
            .comment("I am not sure about the tutor group."),
        asks(SameNameInGroup, ("Ms", "Catherine", "Jones", "catherine.jones@example.org", "en"), &[child("Emily", "Jones", "8MB")]),
        asks(Nobody, ("Mr", "Tobias", "Underhill", "tobias.underhill@example.org", "en"), &[child("Frodo", "Underhill", "7RS")]),
        asks(Nobody, ("Mrs", "Moira", "Reid", "moira.reid@example.org", "en"), &[child("Callum", "Reid", "11TH")])
            .comment("Callum left in July but we still need his reports."),
        asks(Nobody, ("Mr", "Alan", "Lockwood", "alan.lockwood@example.org", "en"), &[child("Gemma", "Lockwood", "11RS")]),

        // One child found, the other not: the claims of one request are decided one by one.
        asks(WrongTutorGroup, ("Mrs", "Deborah", "Brooks", "deborah.brooks@example.org", "en"), &[
            child("Hannah", "Brooks", "7RS"), child("Samuel", "Brooks", "10MB"),
        ]),

        // Known adults.
        asks(Exact, ("Mr", "Imran", "Hussain", "imran.hussain@example.org", "ur"), &[child("Ava", "Hussain", "8TH")]),
        asks(Sibling, ("Mr", "Imran", "Hussain", "Imran.Hussain@example.org", "ur"), &[child("Yusuf", "Hussain", "11TH")])
            .kind(Kind::ChildMissing),
        asks(Exact, ("Ms", "Carys", "Morgan", "carys.morgan@example.org", "cy"), &[child("Evie", "Morgan", "7TH")]),
        asks(Sibling, ("Ms", "Carys", "Morgan", "carys.morgan@example.org", "cy"), &[child("Alfie", "Morgan", "10TH")]),
        asks(Duplicate, ("Mr", "Gwilym", "Williams", "gwilym@williams.test", "en"), &[child("Noah", "Williams", "8KL")]),
        asks(ForAPerson, ("Mrs", "Rachel", "Turner", "rachel.turner@example.org", "en"), &[])
            .kind(Kind::CannotSignIn).comment("The password never arrived."),
        asks(ForAPerson, ("Dr", "Chidi", "Okafor", "chidi.okafor@example.org", "en"), &[])
            .kind(Kind::ChangeEmail).comment("Please use chidi@okafor.test from now on."),

        // Accounts that Moodle has already.
        asks(StaffParent, ("Ms", "Kirsten", "Larsen", &staff_address("k.larsen"), "da"), &[
            child("Sophie", "Larsen", "9TH"), child("Emil", "Larsen", "7KL"),
        ]),
        asks(Exact, ("Mrs", "Ngozi", "Achebe", "ngozi.achebe@example.org", "en"), &[child("Ben", "Achebe", "10RS")])
            .comment("I work at the school; please use my private address."),
        asks(AccountMadeByHand, ("Mrs", "Priya", "Nair", "priya.nair@example.org", "en"), &[
            child("Rohan", "Nair", "8KL"), child("Diya", "Nair", "10RS"),
        ]),

        // Addresses that cannot be user names in Moodle; titles for two.
        asks(UnusableUserName, ("Mr", "Markus", "Fischer", "markus.fischer+school@example.org", "de"), &[child("Leo", "Fischer", "9MB")]),
        asks(UnusableUserName, ("Ms", "Bernadette", "D'Souza", "bernadette.d'souza@example.org", "en"), &[child("Anne Marie", "D'Souza", "11RS")]),
        asks(JointTitle, ("Mr and Mrs", "Geoffrey", "Smith", "the.smiths@example.org", "en"), &[child("Jack", "Smith", "7KL")]),

        // What staff refuse.
        asks(Denied, ("Mr", "Wayne", "Gallagher", "wayne.gallagher@example.org", "en"), &[
            child("Finn", "Gallagher", "8RS"), child("Orla", "Gallagher", "10MB"),
        ]),
        asks(Bogus, ("Mr", "Mickey", "Mouse", "mickey@mailinator.test", "en"), &[child("Minnie", "Mouse", "1A")])
            .comment("<script>alert('hi')</script>"),
        asks(Bogus, ("Prof", "Robert'); DROP TABLE", "Students;--", "bobby@tables.test", "en"), &[child("Margaret", "Thornton", "")])
            .comment("Give me the staff accounts."),
    ]
}
