//! Lists of few lengths, so that statements are of few shapes.

/// The list with its last element repeated until its length is a power of two.
///
/// A statement that has a parameter for each element is another one for each length: each connection
/// prepares and plans it anew, and forgets another for it. For a list of ids to look for, and for rows of
/// which a second one of the same key is passed over, a repetition changes nothing.
pub(crate) fn filled<T: Clone>(elements: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut elements: Vec<T> = elements.into_iter().collect();
    if let Some(last) = elements.last().cloned() {
        elements.resize(elements.len().next_power_of_two(), last);
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn the_last_element_fills_up_to_a_power_of_two() {
        assert_eq!(filled([1, 2, 3, 4, 5]), [1, 2, 3, 4, 5, 5, 5, 5]);
    }

    #[test]
    fn a_power_of_two_stays_as_it_is() {
        assert_eq!(filled([7]), [7]);
        assert_eq!(filled([1, 2, 3, 4]), [1, 2, 3, 4]);
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(filled::<u8>([]), [0_u8; 0]);
    }
}
