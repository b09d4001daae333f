//! What the checker is told by its caller: who acts, for whom the files are, which offices are known.

use super::check::are_swapped;
use super::data::{pack, tables};
use super::name::StandardName;
use crate::office::{Address, OfficeNumber, ServiceType};
use std::collections::HashMap;

/// The largest files that may be sent, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// A standard CSV file.
    pub csv: u64,
    /// A JPEG.
    pub jpeg: u64,
    /// A PDF.
    pub pdf: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { csv: 10 << 20, jpeg: 10 << 20, pdf: 20 << 20 }
    }
}

/// Offices that are known, with their service types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownOffices(HashMap<OfficeNumber, Vec<ServiceType>>);

impl KnownOffices {
    /// Adds an office, or another type of it.
    pub fn add(&mut self, office: OfficeNumber, service_type: Option<ServiceType>) {
        let types = self.0.entry(office).or_default();
        types.extend(service_type.filter(|new| !types.contains(new)));
    }

    /// Whether an office is known.
    pub fn contains(&self, office: &OfficeNumber) -> bool {
        self.0.contains_key(office)
    }

    /// Its types; empty if none are known.
    pub fn types(&self, office: &OfficeNumber) -> &[ServiceType] {
        self.0.get(office).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What the checker is told by its caller. Everything may be left out; then it is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Who acts: the office whose certificate sends, with its type where it works as one.
    pub acting: Option<Address>,
    /// The recipient.
    pub to: Option<Address>,
    /// The offices that can be reached.
    pub offices: Option<KnownOffices>,
    /// Warnings are errors.
    pub strict: bool,
    /// The largest files.
    pub sizes: Sizes,
}

impl Context {
    /// Whether the two service types of a name stand in each other's place, as far as the offices' types are known.
    pub fn are_types_swapped(&self, name: &StandardName) -> bool {
        are_swapped(self, name)
    }

    /// The types that an office has as far as the caller knows.
    pub(super) fn types(&self, office: &OfficeNumber) -> Vec<ServiceType> {
        let mut types = self.listed_types(office).to_vec();
        let named = [self.acting, self.to].into_iter().flatten().filter(|address| address.office == *office);
        types.extend(named.filter_map(|address| address.service_type));
        types
    }

    /// The types by the list of offices alone, which is complete.
    pub(super) fn listed_types(&self, office: &OfficeNumber) -> &[ServiceType] {
        self.offices.as_ref().map(|offices| offices.types(office)).unwrap_or_default()
    }
}

/// Whether offices of this type write plans (43, 46, AF).
pub(super) fn is_planning(service_type: ServiceType) -> bool {
    tables().planning.contains(&pack(service_type.as_bytes()))
}
