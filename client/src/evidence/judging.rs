//! Checking a record that somebody handed over: without a hub, by what is in it.

use super::{Entry, Evidence, Field, Problem, proving};
use crate::document::Opened;
use crate::exchanged::Direction;
use crate::receipts::{key_fingerprint, public_fingerprint, verify, verify_delivery};
use careplan_protocol::api::{Proof, ProofError, Transfer};
use careplan_protocol::calendar::Month;
use careplan_protocol::receipt::{delivery, parse};
use careplan_protocol::standard::{StandardName, Unit};
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::transfer::{Fingerprint, TransferId};

/// What a check found.
#[derive(Debug)]
pub struct Judgement {
    /// The keys that signed something in it.
    pub keys: Vec<JudgedKey>,
    /// Its transfers.
    pub entries: Vec<Judged>,
    /// What does not hold. Empty when everything does.
    pub problems: Vec<Problem>,
}

/// A key that signed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedKey {
    /// The key's id, for that of a log the log's name.
    pub name: String,
    /// SHA-256 of the public key.
    pub fingerprint: Fingerprint,
    /// Who says that it is the hub's.
    pub trust: Trust,
}

/// Who says that a key is the hub's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Whoever checks, by its fingerprint.
    Given,
    /// This machine, which has had it from the hub itself.
    Known,
    /// Only the record: compare the fingerprint with what the operator publishes.
    Unconfirmed,
    /// Nobody: others were given.
    Refused,
}

impl Trust {
    /// Who says so, where these keys were given and those are known here.
    pub(crate) fn of(key: Fingerprint, given: &[Fingerprint], known: &[Fingerprint]) -> Self {
        match (given.contains(&key), given.is_empty(), known.contains(&key)) {
            (true, ..) => Self::Given,
            (_, false, _) => Self::Refused,
            (_, _, true) => Self::Known,
            _ => Self::Unconfirmed,
        }
    }
}

/// A transfer that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Which way it went.
    pub direction: Direction,
    /// The transfer.
    pub transfer: TransferId,
    /// Whether a receipt in the record proves it.
    pub by_receipt: bool,
    /// Whether delivery receipts prove what the recipient did.
    pub by_delivery: bool,
    /// Whether the hub's log proves it and what became of it.
    pub by_log: bool,
}

/// Checks a record. With `given` only keys of these fingerprints count; else those that this machine knows are told from the
/// others.
pub fn judge(opened: &Opened<Evidence>, given: &[Fingerprint], known: &[Fingerprint]) -> Judgement {
    let evidence = &opened.document;
    let mut judgement = Judgement { keys: Vec::new(), entries: Vec::new(), problems: Vec::new() };
    judgement.problems.extend(opened.altered.map(Problem::Altered));
    judgement.problems.extend(one_checkpoint(evidence).err());
    let mut last = None;
    for entry in &evidence.entries {
        let (direction, transfer) = (entry.direction, &entry.transfer);
        let place = Some((direction, transfer.id));
        let mut wrong = fits(evidence, entry);
        wrong.extend((last >= place).then_some(Field::Order));
        last = place;
        judgement.problems.extend(wrong.into_iter().map(|field| Problem::Astray(transfer.id, field)));
        let by_receipt = entry.receipt.as_ref().is_some_and(|text| judgement.receipt(evidence, transfer, text));
        let by_delivery = judgement.deliveries(evidence, transfer);
        let by_log = entry.proof.as_ref().is_some_and(|proof| judgement.proof(transfer, proof));
        judgement.entries.push(Judged { direction, transfer: transfer.id, by_receipt, by_delivery, by_log });
    }
    for key in &mut judgement.keys {
        key.trust = Trust::of(key.fingerprint, given, known);
        if key.trust == Trust::Refused {
            judgement.problems.push(Problem::Key(key.name.clone(), key.fingerprint));
        }
    }
    judgement
}

/// All proofs have to lead to one checkpoint: those of different ones could be of different histories.
fn one_checkpoint(evidence: &Evidence) -> Result<(), Problem> {
    let mut proofs = evidence.entries.iter().filter_map(|entry| entry.proof.as_ref());
    let Some(first) = proofs.next() else { return Ok(()) };
    let other = proofs.find(|proof| (&proof.checkpoint, &proof.key) != (&first.checkpoint, &first.key));
    other.map_or(Ok(()), |other| Err(Problem::OtherCheckpoint(other.transfer)))
}

impl Judgement {
    /// Whether the receipt proves what the record says of the transfer.
    fn receipt(&mut self, evidence: &Evidence, transfer: &Transfer, text: &str) -> bool {
        let before = self.problems.len();
        match verify(text, &evidence.keys) {
            Ok(receipt) => {
                self.used(evidence, parse(text).ok().map(|parsed| parsed.kid));
                if receipt.transfer != transfer.id {
                    self.problems.push(Problem::OtherReceipt(transfer.id));
                }
                let wrong = proving::unreceipted(&receipt, transfer).into_iter();
                self.problems.extend(wrong.map(|field| Problem::Disagrees(transfer.id, field)));
            }
            Err(why) => self.problems.push(Problem::Receipt(transfer.id, why)),
        }
        self.problems.len() == before
    }

    /// Whether every delivery receipt says what the record says, and there are any.
    fn deliveries(&mut self, evidence: &Evidence, transfer: &Transfer) -> bool {
        let before = self.problems.len();
        let mut stated = Vec::new();
        for text in &transfer.delivery_receipts {
            match verify_delivery(text, &evidence.keys) {
                Ok(receipt) => {
                    let kid = delivery::parse(text).ok().map(|parsed| parsed.kid);
                    self.used(evidence, kid);
                    if receipt.transfer != transfer.id {
                        self.problems.push(Problem::OtherReceipt(transfer.id));
                    }
                    stated.push(receipt);
                }
                Err(why) => self.problems.push(Problem::Receipt(transfer.id, why)),
            }
        }
        let wrong = proving::undelivered(&stated, transfer).into_iter();
        self.problems.extend(wrong.map(|field| Problem::Disagrees(transfer.id, field)));
        self.problems.len() == before && !stated.is_empty()
    }

    /// Notes that a receipt key was used.
    fn used(&mut self, evidence: &Evidence, kid: Option<String>) {
        let Some(kid) = kid else { return };
        let key = evidence.keys.keys.iter().find(|key| key.kid == kid);
        if let Some(fingerprint) = key.and_then(key_fingerprint) {
            self.signed_by(kid, fingerprint);
        }
    }

    /// Whether the hub's log proves what the record says of the transfer.
    fn proof(&mut self, transfer: &Transfer, proof: &Proof) -> bool {
        let before = self.problems.len();
        let key = proof.key.parse::<VerifierKey>().map_err(|_| ProofError::Key);
        match key.and_then(|key| Ok((proof.verify(&key)?, key))) {
            Ok((events, key)) => {
                self.signed_by(key.name, public_fingerprint(&key.public));
                if proof.transfer != transfer.id {
                    self.problems.push(Problem::OtherProof(transfer.id));
                }
                let wrong = proving::differences(&events, transfer).into_iter();
                self.problems.extend(wrong.map(|field| Problem::Disagrees(transfer.id, field)));
            }
            Err(why) => self.problems.push(Problem::Proof(transfer.id, why)),
        }
        self.problems.len() == before
    }

    fn signed_by(&mut self, name: String, fingerprint: Fingerprint) {
        if !self.keys.iter().any(|known| known.name == name && known.fingerprint == fingerprint) {
            self.keys.push(JudgedKey { name, fingerprint, trust: Trust::Unconfirmed });
        }
    }
}

/// What of a transfer does not fit the record it stands in, or itself.
fn fits(evidence: &Evidence, entry: &Entry) -> Vec<Field> {
    let transfer = &entry.transfer;
    let (own, (partner, _)) = (entry.direction.own(transfer), entry.direction.partner(transfer));
    let is_ours = own.office == evidence.office.office && evidence.office.handles(&own);
    let is_partner = evidence.partner.is_none_or(|wanted| partner.office == wanted);
    let (own_field, partner_field) = match entry.direction {
        Direction::Sent => (Field::From, Field::To),
        Direction::Received => (Field::To, Field::From),
    };
    let named: Vec<StandardName> =
        transfer.files.iter().filter_map(|file| StandardName::parse(&file.name).ok().flatten()).collect();
    // A hub that does not check sets may have taken one that is none; its names then say nothing for sure.
    let unit = Unit::of(&named).ok().flatten().filter(|_| !transfer.files.is_empty());
    let by_acceptance = transfer.month == Month::in_japan(transfer.accepted_at);
    let month = unit.is_none_or(|unit| unit.month.map_or(by_acceptance, |month| month == transfer.month))
        && transfer.month_by_acceptance <= by_acceptance;
    let stamp = unit.is_none_or(|unit| (Some(unit.key.stamp), unit.class) == (transfer.stamp, transfer.class));
    let bytes: u64 = transfer.files.iter().map(|file| file.size).sum();
    let files = transfer.files.is_empty()
        || (transfer.files.len() as u64, bytes) == (u64::from(transfer.file_count), transfer.bytes);
    let checks = [
        (own_field, is_ours),
        (partner_field, is_partner),
        (Field::Month, month && transfer.month == evidence.month),
        (Field::Stamp, stamp),
        (Field::Files, files),
    ];
    checks.into_iter().filter(|(_, holds)| !holds).map(|(field, _)| field).collect()
}
