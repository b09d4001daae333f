//! Sorting files into parcels, one transfer each, before anything is sent: standard files by sender, receiver and 連番,
//! attachments beside them or alone.

use careplan_protocol::office::{Address, ServiceType};
use careplan_protocol::standard::{Context, NameError, StandardName, Unit, UnitError, UnitKey, group};
use std::path::PathBuf;
use unicode_normalization::UnicodeNormalization as _;

/// A file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name for the recipient.
    pub name: String,
}

impl LocalFile {
    /// A file under its own name (in NFC, as some systems keep names taken apart).
    pub fn new(path: PathBuf) -> Self {
        let name = crate::disk::name(&path).nfc().collect();
        Self { path, name }
    }
}

/// What becomes one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Whom it goes to.
    pub to: Address,
    /// The sender's type, where no file name says one.
    pub from_type: Option<ServiceType>,
    /// The unit in it, if any.
    pub unit: Option<Unit>,
    /// Its files, in order.
    pub files: Vec<LocalFile>,
}

/// Files that cannot be sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The files.
    pub files: Vec<LocalFile>,
    /// The unit they would be, where their names say one.
    pub key: Option<UnitKey>,
    /// Why not.
    pub why: Misfit,
}

/// Why files cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The set.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// Another office's file, or another desk's.
    #[error("the file name gives {0} as the sender, which is not you")]
    Sender(Address),
    /// Another receiver than asked for.
    #[error("the file name gives {0} as the receiver, which is not the address given")]
    Receiver(Address),
    /// An attachment without an address.
    #[error("this file is outside the standard and needs an address")]
    NoAddress,
}

/// Parcels in ascending 連番, and what fits none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// What can be sent.
    pub parcels: Vec<Parcel>,
    /// What cannot.
    pub unfit: Vec<Unfit>,
}

/// Sorts files that `desk` wants to send; `to` is the address given, which attachments need unless they stand beside
/// exactly one unit.
pub fn sort(desk: Address, files: Vec<LocalFile>, to: Option<Address>) -> Sorted {
    sort_knowing(desk, files, to, &Context { acting: Some(desk), ..Context::default() })
}

/// As [`sort`], knowing the service types of offices: names whose two types stand in each other's place are told by them.
pub fn sort_knowing(desk: Address, files: Vec<LocalFile>, to: Option<Address>, known: &Context) -> Sorted {
    let mut sorted = Sorted::default();
    let mut standard: Vec<(StandardName, LocalFile)> = Vec::new();
    let mut attachments = Vec::new();
    for file in files {
        match StandardName::parse(&file.name) {
            Ok(Some(name)) => standard.push((name, file)),
            Ok(None) => attachments.push(file),
            Err(why) => sorted.unfit.push(Unfit { files: vec![file], key: None, why: why.into() }),
        }
    }
    for (key, members) in group(standard, |(name, _)| name) {
        let (names, files): (Vec<StandardName>, Vec<LocalFile>) = members.into_iter().unzip();
        match judge(desk, to, straight(key, &names, known), &names) {
            Ok((unit, from, to)) => {
                let from_type = from.service_type.or(desk.service_type);
                sorted.parcels.push(Parcel { to, from_type, unit: Some(unit), files });
            }
            Err(why) => sorted.unfit.push(Unfit { files, key: Some(key), why }),
        }
    }
    place_attachments(desk, to, attachments, &mut sorted);
    sorted
}

/// The addresses as they are meant: some software swaps the two types in the name, as an official example does.
fn straight(key: UnitKey, names: &[StandardName], known: &Context) -> UnitKey {
    let UnitKey { mut from, mut to, stamp } = key;
    if names.first().is_some_and(|name| known.are_types_swapped(name)) {
        std::mem::swap(&mut from.service_type, &mut to.service_type);
    }
    UnitKey { from, to, stamp }
}

fn judge(
    desk: Address,
    to: Option<Address>,
    key: UnitKey,
    names: &[StandardName],
) -> Result<(Unit, Address, Address), Misfit> {
    if !desk.handles(&key.from) {
        return Err(Misfit::Sender(key.from));
    }
    if to.is_some_and(|to| !to.handles(&key.to)) {
        return Err(Misfit::Receiver(key.to));
    }
    let unit = Unit::of(names)?.ok_or(UnitError::Mixed)?;
    // Names of 3.x say no type; the address given may.
    let service_type = key.to.service_type.or(to.and_then(|to| to.service_type));
    Ok((unit, key.from, Address { office: key.to.office, service_type }))
}

/// Beside the only unit, or the only one in its own folder; else to the address given, else nowhere.
fn place_attachments(desk: Address, to: Option<Address>, attachments: Vec<LocalFile>, sorted: &mut Sorted) {
    let (units, whole) = (sorted.parcels.len(), sorted.unfit.is_empty());
    let mut alone = Vec::new();
    for file in attachments {
        let beside = |other: &LocalFile| other.path.parent() == file.path.parent();
        let is_clear = whole || !sorted.unfit.iter().any(|unfit| unfit.files.iter().any(beside));
        let mut near =
            sorted.parcels[..units].iter_mut().filter(|parcel| units == 1 || parcel.files.iter().any(beside));
        match (near.next(), near.next()) {
            (Some(only), None) if is_clear => only.files.push(file),
            _ => alone.push(file),
        }
    }
    match to {
        _ if alone.is_empty() => {}
        Some(to) => sorted.parcels.push(Parcel { to, from_type: desk.service_type, unit: None, files: alone }),
        None => sorted.unfit.push(Unfit { files: alone, key: None, why: Misfit::NoAddress }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<LocalFile> {
        names.iter().map(|name| LocalFile::new(PathBuf::from("/out").join(name))).collect()
    }

    fn desk() -> Address {
        "1379999038".parse().expect("an address")
    }

    const RESULT_15: &str = "UPJSK_202610_1379999038_15_1379999012_43_20261102170002.CSV";
    const RESULT_17: &str = "UPJSK_202610_1379999038_17_1379999012_43_20261102170001.CSV";

    #[test]
    fn units_go_in_ascending_order_and_attachments_beside_the_only_one() {
        let sorted = sort(desk(), files(&[RESULT_15, RESULT_17]), None);
        assert_eq!(sorted.parcels.len(), 2);
        assert_eq!(sorted.parcels[0].files[0].name, RESULT_17);
        let sorted = sort(desk(), files(&["写真.pdf", RESULT_15]), None);
        assert_eq!(sorted.parcels.len(), 1);
        assert_eq!(sorted.parcels[0].files.len(), 2);
        let mut of_two_folders = files(&[RESULT_15]);
        of_two_folders.extend([format!("/b/{RESULT_17}"), "/b/写真.pdf".to_owned()].map(|p| LocalFile::new(p.into())));
        let sorted = sort(desk(), of_two_folders, None);
        let counts: Vec<usize> = sorted.parcels.iter().map(|parcel| parcel.files.len()).collect();
        assert_eq!((counts, sorted.unfit.len()), (vec![2, 1], 0), "beside the unit of its own folder");
    }

    #[test]
    fn swapped_types_of_a_name_go_to_the_receiver_that_is_meant() {
        let desk: Address = "1379999020-11".parse().expect("an address");
        let sorted = sort(desk, files(&["UPJSK_202610_1379999020_43_1379999012_11_20261106100023.CSV"]), None);
        let parcel = &sorted.parcels[0];
        assert_eq!((parcel.to.to_string(), parcel.from_type), ("1379999012-43".to_owned(), desk.service_type));
    }

    #[test]
    fn attachments_without_an_address_are_not_sent() {
        let alone = sort(desk(), files(&["a.pdf"]), None);
        assert!(matches!(alone.unfit[0].why, Misfit::NoAddress) && alone.parcels.is_empty());
        let beside_two = sort(desk(), files(&["a.pdf", RESULT_15, RESULT_17]), None);
        assert_eq!((beside_two.parcels.len(), beside_two.unfit.len()), (2, 1));
        let addressed = sort(desk(), files(&["a.pdf"]), "1379999012".parse().ok());
        assert_eq!(addressed.parcels[0].to.to_string(), "1379999012");
    }

    #[test]
    fn the_files_of_another_desk_and_to_another_address_are_not_sent() {
        let fifteen: Address = "1379999038-15".parse().expect("an address");
        let sorted = sort(fifteen, files(&[RESULT_15, RESULT_17]), None);
        assert_eq!(sorted.parcels.len(), 1);
        assert!(matches!(sorted.unfit[0].why, Misfit::Sender(_)));
        let sorted = sort(desk(), files(&[RESULT_15]), "1379999020".parse().ok());
        assert!(matches!(sorted.unfit[0].why, Misfit::Receiver(_)));
    }

    #[test]
    fn an_incomplete_set_and_a_wrong_name_say_so() {
        let sorted =
            sort(desk(), files(&["UPPLAN_202610_1379999038_43_1379999012_11_20261102170001.CSV", "X.CSV"]), None);
        assert!(matches!(sorted.unfit[0].why, Misfit::Name(NameError::Prefix)));
        assert!(matches!(sorted.unfit[1].why, Misfit::Unit(UnitError::Incomplete(_))));
    }
}
