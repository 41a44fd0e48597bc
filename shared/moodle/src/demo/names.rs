//! The people of the demonstration school: names that make matching hard, the pupils whom the demonstration's families
//! ask for, staff, parents whose accounts were made by hand, and the lists from which the other pupils are named.
//!
//! All of them are invented. What does not live here: rows and ids (`school`), and who asks for whom (`story`).

/// A pupil as the school's staff entered them: given name, family name, tutor group.
pub(super) type Named = (&'static str, &'static str, &'static str);

/// 100 characters, the most that `user.firstname` holds.
pub(super) const LONGEST_GIVEN: &str =
    "Maximiliana Alexandrina Wilhelmina Theodora Constantia Philippina Ludovica Henrietta Augusta Eugenie";
/// A long family name of many parts.
pub(super) const LONGEST_FAMILY: &str = "Featherstonehaugh-Cholmondeley-Wolfeschlegelsteinhausenbergerdorff";

/// A given name with a combining accent (`e` + U+0301), as some Mac programs export it.
pub(super) const DECOMPOSED_GIVEN: &str = "Rene\u{301}e";

/// Pupils with a name of their own choosing; the first has admission number `A00101`, and so on.
pub(super) const PUPILS: &[Named] = &[
    // Apostrophes, hyphens, spaces.
    ("Niamh", "O'Brien-Shah", "7KL"),
    ("Cormac", "O'Brien-Shah", "9RS"),
    ("Liam", "O'Brien", "8MB"),
    ("Aoife", "O\u{2019}Brien", "10TH"),
    ("Anne Marie", "D'Souza", "11RS"),
    ("Mary-Jane", "van der Berg", "11MB"),
    ("Mateo", "Garcia Lopez", "7RS"),
    ("Lucía", "Garcia Lopez", "9KL"),
    // Accents and letters that do not come apart into a letter and an accent.
    ("Zoë", "Clark", "7MB"),
    ("Seán", "Byrne", "8KL"),
    ("María José", "Núñez", "11TH"),
    ("Siân", "Llŷr-Evans", "7KL"),
    (DECOMPOSED_GIVEN, "Dubois", "7MB"),
    ("Łukasz", "Wiśniewski", "8RS"),
    ("Żaneta", "Żółć", "10KL"),
    ("Bjørn", "Sørensen", "10KL"),
    ("Jürgen", "Groß", "10RS"),
    ("İpek", "Yılmaz", "9TH"),
    ("Ngọc", "Nguyễn", "8KL"),
    ("Olúwaṣeun", "Adébáyọ̀", "9KL"),
    // Other scripts.
    ("محمد", "العلي", "7TH"),
    ("נועה", "כהן", "9MB"),
    ("小明", "王", "8TH"),
    ("Ελένη", "Παπαδοπούλου", "11KL"),
    ("Дмитро", "Шевченко", "10TH"),
    // Very short and very long.
    ("J", "O", "10MB"),
    (LONGEST_GIVEN, LONGEST_FAMILY, "11KL"),
    // The same name twice: in two tutor groups, and in one.
    ("Jack", "Smith", "7KL"),
    ("Jack", "Smith", "9RS"),
    ("Emily", "Jones", "8MB"),
    ("Emily", "Jones", "8MB"),
    // Children of the families of the story.
    ("Amelia", "Turner", "7KL"),
    ("Isla", "Turner", "8TH"),
    ("Oscar", "Turner", "9KL"),
    ("Ella", "Turner", "11RS"),
    ("Harry", "Patel", "7MB"),
    ("Anika", "Patel", "10RS"),
    ("Noah", "Williams", "8KL"),
    ("Grace", "Okafor", "7TH"),
    ("Daniel", "Okafor", "9TH"),
    ("Thomas", "Wright", "10MB"),
    ("Chloe", "Bennett", "8RS"),
    ("Ethan", "Cooper", "11MB"),
    ("Freya", "Lindqvist", "9RS"),
    ("Hannah", "Brooks", "7RS"),
    ("Samuel", "Brooks", "10KL"),
    ("Ava", "Hussain", "8TH"),
    ("Yusuf", "Hussain", "11TH"),
    ("Leo", "Fischer", "9MB"),
    ("Poppy", "Marsh", "7MB"),
    ("Rosie", "Chapman", "8KL"),
    ("Alfie", "Morgan", "10TH"),
    ("Evie", "Morgan", "7TH"),
    ("Lily", "Nowak", "9KL"),
    ("Max", "Robinson", "11KL"),
    ("Isabella", "Rossi", "7RS"),
    ("George", "Taylor", "8MB"),
    ("Jasmine", "Kaur", "7TH"),
    ("Arjan", "Singh", "9RS"),
    ("Finn", "Gallagher", "8RS"),
    ("Orla", "Gallagher", "10MB"),
    ("Dylan", "Price", "11TH"),
    ("Imogen", "Stone", "8TH"),
    ("Kai", "Tanaka", "9MB"),
    ("Holly", "Webb", "10KL"),
    // Children of staff.
    ("Sophie", "Larsen", "9TH"),
    ("Emil", "Larsen", "7KL"),
    ("Ben", "Achebe", "10RS"),
    ("Megan", "Howells", "11RS"),
    // Children of parents whose accounts were made by hand.
    ("Molly", "Dawson", "7MB"),
    ("Rohan", "Nair", "8KL"),
    ("Diya", "Nair", "10RS"),
    ("Jakub", "Kowalski", "9MB"),
    ("Erin", "Fletcher", "11MB"),
    ("Toby", "Fletcher", "8RS"),
    // Pupils whose context is missing (three) or half made (one): see `school::ContextState`.
    ("Theo", "Marlow", "7KL"),
    ("Iris", "Quinn", "8MB"),
    ("Hugo", "Vance", "9RS"),
    ("Nell", "Ashby", "10TH"),
];

/// Pupils who have left and are suspended in Moodle. They keep number, tutor group and cohort, as schools leave them.
pub(super) const SUSPENDED_LEAVERS: &[Named] = &[
    ("Callum", "Reid", "11TH"),
    ("Bethany", "Frost", "11KL"),
    ("Marcus", "Doyle", "10MB"),
    ("Tilly", "Hargreaves", "9KL"),
    ("Zachary", "Pike", "8TH"),
];

/// A pupil whose user was deleted in Moodle.
pub(super) const DELETED_LEAVER: Named = ("Gemma", "Lockwood", "11RS");

/// How many given names the other pupils are named from.
pub(super) const GIVEN_COUNT: usize = 40;
/// How many family names the other pupils are named from.
pub(super) const FAMILY_COUNT: usize = 53;

/// Given names of the other pupils. 40 and 53 have no common divisor: walking through both lists in step gives each
/// pair once in 2,120 pupils.
pub(super) const GIVEN: [&str; GIVEN_COUNT] = [
    "Olivia", "Jacob", "Aisha", "William", "Mia", "Mohammed", "Ruby", "Archie", "Layla", "Joshua", "Phoebe", "Ibrahim",
    "Scarlett", "Edward", "Zara", "Lewis", "Matilda", "Omar", "Daisy", "Reuben", "Fatima", "Elliot", "Martha", "Adam",
    "Nina", "Caleb", "Eliza", "Rhys", "Priya", "Felix", "Maya", "Joseph", "Heidi", "Nathan", "Leah", "Stanley",
    "Amira", "Luca", "Beatrice", "Kieran",
];

/// Family names of the other pupils; none of them is a name in [`PUPILS`].
pub(super) const FAMILY: [&str; FAMILY_COUNT] = [
    "Allen",
    "Baker",
    "Carter",
    "Davies",
    "Edwards",
    "Foster",
    "Green",
    "Hall",
    "Ingram",
    "Jackson",
    "Khan",
    "Lewis",
    "Mitchell",
    "Newton",
    "Osborne",
    "Parker",
    "Quigley",
    "Roberts",
    "Shaw",
    "Thompson",
    "Underwood",
    "Vaughan",
    "Walker",
    "Yates",
    "Ahmed",
    "Begum",
    "Cohen",
    "Das",
    "Evans",
    "Ferrari",
    "Gupta",
    "Harris",
    "Iqbal",
    "James",
    "King",
    "Lee",
    "Mehta",
    "Norris",
    "Owen",
    "Phillips",
    "Reynolds",
    "Scott",
    "Tran",
    "Usman",
    "Vella",
    "Watson",
    "Young",
    "Zhang",
    "Barker",
    "Collins",
    "Dixon",
    "Ellis",
    "Francis",
];

/// Staff: given name, family name, the part of their address before the `@`. Their Moodle user name is the address.
/// The first four are parents of pupils; the fifth bears a pupil's name.
pub(super) const STAFF: &[Named] = &[
    ("Kirsten", "Larsen", "k.larsen"),
    ("Ngozi", "Achebe", "n.achebe"),
    ("Gareth", "Howells", "g.howells"),
    ("Mary", "O'Brien", "m.obrien"),
    ("Thomas", "Wright", "t.wright"),
    ("Margaret", "Thornton", "m.thornton"),
    ("David", "Ellwood", "d.ellwood"),
    ("Susan", "Pemberton", "s.pemberton"),
    ("Rajesh", "Iyer", "r.iyer"),
    ("Helen", "Crosby", "h.crosby"),
    ("Peter", "Mallory", "p.mallory"),
    ("Fiona", "MacLeod", "f.macleod"),
    ("Andrew", "Sutcliffe", "a.sutcliffe"),
    ("Claire", "Marchant", "c.marchant"),
    ("Ian", "Whitaker", "i.whitaker"),
    ("Janet", "Holloway", "j.holloway"),
    ("Mark", "Rowntree", "m.rowntree"),
    ("Nadia", "Rahman", "n.rahman"),
    ("Oliver", "Penrose", "o.penrose"),
    ("Patricia", "Galbraith", "p.galbraith"),
    ("Simon", "Ashworth", "s.ashworth"),
    ("Teresa", "Coyle", "t.coyle"),
    ("Victor", "Lindgren", "v.lindgren"),
    ("Wendy", "Barlow", "w.barlow"),
    ("Yvonne", "Castle", "y.castle"),
];

/// How many of [`STAFF`], from the end, are suspended: they have left.
pub(super) const SUSPENDED_STAFF: usize = 2;

/// Parents whose accounts and role assignments an administrator made by hand in Moodle: given name, family name, user
/// name (which is their address), and the children as indexes into [`PUPILS`] by name.
pub(super) const PARENTS_BY_HAND: &[(Named, &[(&str, &str)])] = &[
    (("Robert", "Dawson", "robert.dawson@example.org"), &[("Molly", "Dawson")]),
    (("Louise", "Dawson", "louise.dawson@example.org"), &[("Molly", "Dawson")]),
    (("Priya", "Nair", "priya.nair@example.org"), &[("Rohan", "Nair"), ("Diya", "Nair")]),
    (("Agnieszka", "Kowalska", "agnieszka.kowalska@example.org"), &[("Jakub", "Kowalski")]),
    (("Steven", "Fletcher", "steven.fletcher@example.org"), &[("Erin", "Fletcher"), ("Toby", "Fletcher")]),
    // A father who bears his son's name: only the pupil may ever match.
    (("Harry", "Patel", "harry.patel@example.org"), &[("Harry", "Patel")]),
];
