//! Numbers for people, in British English: grouping and plural.

/// A whole number with its thousands apart: "1,204".
#[must_use]
pub fn grouped(number: impl TryInto<i64>) -> String {
    let number = number.try_into().unwrap_or(i64::MAX);
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        grouped.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number with its noun: "1 pupil", "1,204 pupils".
#[must_use]
pub fn counted(number: impl TryInto<i64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(i64::MAX);
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{counted, grouped};

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
            (-1_204, "−1,204"),
            (i64::MIN, "−9,223,372,036,854,775,808"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(u64::MAX), grouped(i64::MAX));
    }

    #[test]
    fn a_noun_follows_its_number() {
        assert_eq!(counted(0_usize, "pupil", "pupils"), "0 pupils");
        assert_eq!(counted(1_u32, "pupil", "pupils"), "1 pupil");
        assert_eq!(counted(1_204_i64, "pupil", "pupils"), "1,204 pupils");
    }
}
