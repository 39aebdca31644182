//! A closed set declared from outside the crate.

lameduck_support::closed_set! {
    /// Two of them.
    Choice {
        /// The first.
        One = "one",
        /// The second.
        TheOther = "the_other",
    }
}

#[test]
fn enum_list_and_spelling_are_one_declaration() {
    assert_eq!(Choice::ALL.map(Choice::as_str), ["one", "the_other"]);
    assert_eq!(Choice::ALL.map(Choice::index), [0, 1]);
    assert_eq!(Choice::parse("the_other"), Some(Choice::TheOther));
    assert_eq!(Choice::parse("other"), None);
    assert_eq!(Choice::One.to_string(), "one");
}
