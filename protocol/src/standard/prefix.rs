//! The kinds of standard files, by the prefix of their names (`kinds.csv` of the standard's data).

use crate::transfer::Class;
use std::fmt;

/// The kind of a standard file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the variants are the standard's own words, listed with their meaning in PREFIXES")]
pub enum Prefix {
    Up1kyo,
    Up2kyo,
    Up3kyo,
    Dlt1kyo,
    Upplan,
    Upsikyu,
    Upjsk,
    Dltplan,
    Dltjsk,
    Upyobo,
    UpyoboSub,
    Upkihon,
    UpkihonSub1,
    UpkihonSub2,
    UpkihonImage,
    Dltkihon,
    Dltyobo,
    Uphosoku,
}

/// Prefix, its text, its Japanese name; in import order: a unit's base table stands before what hangs on it.
const PREFIXES: [(Prefix, &str, &str); 18] = [
    (Prefix::Up1kyo, "UP1KYO", "居宅サービス計画1表"),
    (Prefix::Up2kyo, "UP2KYO", "居宅サービス計画2表"),
    (Prefix::Up3kyo, "UP3KYO", "居宅サービス計画3表"),
    (Prefix::Dlt1kyo, "DLT1KYO", "居宅サービス計画1表_削除"),
    (Prefix::Upplan, "UPPLAN", "第6表（サービス利用票）予定"),
    (Prefix::Upsikyu, "UPSIKYU", "第7表（サービス利用票別表）"),
    (Prefix::Upjsk, "UPJSK", "第6表 実績情報"),
    (Prefix::Dltplan, "DLTPLAN", "第6表（サービス利用票）予定_削除"),
    (Prefix::Dltjsk, "DLTJSK", "第6表 実績情報_削除"),
    (Prefix::Upyobo, "UPYOBO", "介護予防サービス・支援計画書"),
    (Prefix::UpyoboSub, "UPYOBO_SUB", "介護予防サービス・支援計画書（別表）支援計画"),
    (Prefix::Upkihon, "UPKIHON", "利用者基本情報"),
    (Prefix::UpkihonSub1, "UPKIHON_SUB1", "利用者基本情報（別表1）１日の生活・すごし方"),
    (Prefix::UpkihonSub2, "UPKIHON_SUB2", "利用者基本情報（別表2）現病歴・既往歴"),
    (Prefix::UpkihonImage, "UPKIHON_IMAGE", "家族構成 画像ファイル"),
    (Prefix::Dltkihon, "DLTKIHON", "利用者基本情報_削除"),
    (Prefix::Dltyobo, "DLTYOBO", "介護予防サービス・支援計画書_削除"),
    (Prefix::Uphosoku, "UPHOSOKU", "利用者補足情報"),
];

impl Prefix {
    /// The longest known prefix that a name begins with, up to an underscore or the end. ASCII case is ignored.
    pub fn of(stem: &str) -> Option<Self> {
        PREFIXES
            .iter()
            .filter(|(_, text, _)| {
                stem.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text))
                    && matches!(stem.as_bytes().get(text.len()), None | Some(b'_'))
            })
            .max_by_key(|(_, text, _)| text.len())
            .map(|&(prefix, ..)| prefix)
    }

    /// The prefix as it stands in names.
    pub fn as_str(&self) -> &'static str {
        self.row().1
    }

    /// What the standard calls the file.
    pub fn japanese(&self) -> &'static str {
        self.row().2
    }

    /// The class of a transfer that carries such a file.
    pub fn class(&self) -> Class {
        match self {
            Self::Dlt1kyo | Self::Dltplan | Self::Dltjsk | Self::Dltkihon | Self::Dltyobo => Class::Delete,
            _ => Class::Register,
        }
    }

    fn row(&self) -> &'static (Prefix, &'static str, &'static str) {
        // The table has a row for every variant, in the variants' order (a test says so).
        &PREFIXES[*self as usize]
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (index, (prefix, ..)) in PREFIXES.iter().enumerate() {
            assert_eq!(*prefix as usize, index);
        }
    }

    #[test]
    fn the_longest_prefix_wins() {
        assert_eq!(Prefix::of("UPKIHON_SUB1_1309900064"), Some(Prefix::UpkihonSub1));
        assert_eq!(Prefix::of("UPKIHON_1309900064"), Some(Prefix::Upkihon));
        assert_eq!(Prefix::of("upyobo_sub_1"), Some(Prefix::UpyoboSub));
        assert_eq!(Prefix::of("UPPLANX_1"), None);
        assert_eq!(Prefix::of("UP7HYO_202610"), None);
    }
}
