//! Passphrases that people can read out and type: lower-case letters that look like no other.

use careplan_certs::{CertsError, Randomness};

/// A new passphrase, such as `kbtmwa-yhdrce-pnsxgu`: 18 of 23 letters are 81 bits.
pub(crate) fn generate(randomness: &dyn Randomness) -> Result<String, CertsError> {
    let mut letters = Vec::new();
    while letters.len() < GROUPS * GROUP {
        let mut bytes = [0; 32];
        randomness.fill(&mut bytes)?;
        // Bytes beyond the last full round of the alphabet would make its first letters likelier.
        let fair = bytes.iter().filter(|&&byte| usize::from(byte) < 256 / LETTERS.len() * LETTERS.len());
        letters.extend(fair.map(|&byte| LETTERS[usize::from(byte) % LETTERS.len()]));
    }
    letters.truncate(GROUPS * GROUP);
    let groups: Vec<String> =
        letters.chunks(GROUP).map(|group| group.iter().copied().map(char::from).collect()).collect();
    Ok(groups.join("-"))
}

/// Without i, l and o.
const LETTERS: &[u8; 23] = b"abcdefghjkmnpqrstuvwxyz";
const GROUPS: usize = 3;
const GROUP: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_certs::SystemRandomness;

    #[test]
    fn a_passphrase_has_three_groups_of_six_letters_that_look_like_no_other() {
        let one = generate(&SystemRandomness).unwrap();
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [6, 6, 6]);
        assert!(one.bytes().all(|c| c == b'-' || LETTERS.contains(&c)), "{one}");
        assert_ne!(one, generate(&SystemRandomness).unwrap());
        assert!((LETTERS.len() as f64).log2() * (GROUPS * GROUP) as f64 > 80.0);
    }

    #[test]
    fn no_letter_is_likelier_than_another() {
        #[derive(Debug)]
        struct Counting(std::cell::Cell<u8>);
        impl Randomness for Counting {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), CertsError> {
                for byte in bytes {
                    *byte = self.0.get();
                    self.0.set(self.0.get().wrapping_add(1));
                }
                Ok(())
            }
        }
        let counting = Counting(std::cell::Cell::new(253));
        assert_eq!(generate(&counting).unwrap(), "abcdef-ghjkmn-pqrstu");
    }
}
