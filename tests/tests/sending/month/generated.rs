//! The month's offices, persons and units: made of the samples, with numbers, months and 連番 of their own.

use super::Desk;
use anyhow::{Context as _, Result};
use careplan_protocol::calendar::japan;
use careplan_protocol::office::OfficeNumber;
use careplan_tests::hub::now;
use careplan_tests::world::{HELPER, PLAN, TWO_DESKS};
use careplan_tests::{Office, Unit, World, samples};
use jiff::ToSpan as _;
use jiff::civil::Date;

/// Partners, those that are not on the hub at the end.
pub(super) const PARTNERS: usize = 40;
/// Persons, three for each partner.
pub(super) const PERSONS: usize = 120;
const ON_THE_HUB: usize = 25;
/// The partner with two types under one number.
const DESKS: usize = 1;

/// The month that the plans are about, by its first day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Month(Date);

impl Month {
    /// The next one with 31 days, as the samples have, whose plans are due after now.
    pub(super) fn next() -> Result<Self> {
        let soon = japan().to_datetime(now()).date().checked_add(8.days())?;
        let mut first = soon.first_of_month().checked_add(1.month())?;
        while first.days_in_month() != 31 {
            first = first.checked_add(1.month())?;
        }
        Ok(Self(first))
    }

    /// A hub with the plan side and the partners that are on it.
    pub(super) async fn world(&self) -> Result<World> {
        let world = World::empty(&[]).await?;
        let mut roster = format!("office,service_type,name\n{PLAN},43,居宅介護支援\n");
        for partner in (0..PARTNERS).filter(|partner| is_on_the_hub(*partner)) {
            let types: &[&str] = if partner == DESKS { &["15", "17"] } else { &["11"] };
            for service_type in types {
                roster.push_str(&format!("{},{service_type},事業所{partner}\n", number(partner)?));
            }
        }
        let file = world.path("month.csv");
        std::fs::write(&file, roster)?;
        world.enrol(&file).await?.ok()?;
        Ok(world)
    }

    /// The partners' programs: one device each, two for the number with two types.
    pub(super) async fn partners(&self, world: &World) -> Result<Vec<Desk>> {
        let mut desks = Vec::new();
        for partner in (0..PARTNERS).filter(|partner| is_on_the_hub(*partner)) {
            let number = number(partner)?;
            let types: &[&str] = if partner == DESKS { &["15", "17"] } else { &["11"] };
            for service_type in types {
                let mut office = match *service_type {
                    "17" => second_device(world, &number).await?,
                    _ => world.office(&number)?,
                };
                office.home = world.path("homes").join(format!("{number}-{service_type}"));
                desks.push(Desk { office: office.set_up().await?, acting: format!("{number}-{service_type}") });
            }
        }
        Ok(desks)
    }

    /// Sets the hub's clock: `after` months after the month before this one, day and hour in Japan.
    pub(super) async fn clock(&self, world: &World, after: i32, day: i8, hour: i8) -> Result<()> {
        let first = self.0.checked_sub(1.month())?.checked_add(after.months())?;
        let at = first.with().day(day).build()?.at(hour, 0, 0, 0);
        world.set_clock_at(at.to_zoned(japan())?.timestamp()).await
    }

    /// The persons of a partner, by their insured numbers.
    pub(super) fn persons(&self, partner: usize) -> [String; 3] {
        [0, 1, 2].map(|n| format!("99{:08}", 10_000_000 + partner * 3 + n))
    }

    /// The plan side's units for a partner, in a first or later version.
    pub(super) fn plans(&self, partner: usize, version: u8) -> Result<Vec<Unit>> {
        let beginnings: &[&str] = if partner == DESKS { &["05", "06"] } else { &["04"] };
        let stamp = self.0.checked_sub(1.month())?.strftime("%Y%m");
        let unit = |(n, beginning): (usize, &&str)| {
            let stamp = format!("{stamp}{}09{:02}{n:02}", if version == 1 { 25 } else { 28 }, partner);
            self.changed(samples::unit(beginning)?, partner, &stamp)
        };
        beginnings.iter().enumerate().map(unit).collect()
    }

    /// The unit that takes one person away from the desk of type 17.
    pub(super) fn deletion(&self) -> Result<Unit> {
        let stamp = self.0.checked_sub(1.month())?.strftime("%Y%m");
        self.changed(samples::unit("07")?, DESKS, &format!("{stamp}28100000"))
    }

    /// A partner's results.
    pub(super) fn result(&self, acting: &str, device: usize) -> Result<Unit> {
        let beginning = match &acting[acting.len() - 2..] {
            "15" => "09",
            "17" => "10",
            _ => "08",
        };
        let partner = (0..PARTNERS).find(|partner| number(*partner).is_ok_and(|it| acting.starts_with(&it)));
        let stamp = self.0.checked_add(1.month())?.strftime("%Y%m");
        self.changed(samples::unit(beginning)?, partner.context("a partner")?, &format!("{stamp}011700{device:02}"))
    }

    /// A sample with the partner's number and persons, this month and a 連番 of its own.
    fn changed(&self, mut unit: Unit, partner: usize, stamp: &str) -> Result<Unit> {
        let (month, number) = (self.0.strftime("%Y%m").to_string(), number(partner)?);
        let old = unit.files[0].0.rsplit(['_', '.']).nth(1).context("a 連番")?.to_owned();
        let mut swaps = vec![("202610".to_owned(), month)];
        swaps.extend(SAMPLE_PERSONS.map(str::to_owned).into_iter().zip(self.persons(partner)));
        if partner != DESKS {
            swaps.push((HELPER.to_owned(), number));
        }
        for (name, bytes) in &mut unit.files {
            // The 連番 first: its beginning may look like the month.
            *name = name.replace(&old, "STAMP");
            let mut text = bytes.to_vec();
            for (from, to) in &swaps {
                *name = name.replace(from, to);
                text = replaced(&text, from.as_bytes(), to.as_bytes());
            }
            *name = name.replace("STAMP", stamp);
            *bytes = text.into();
        }
        unit.name = stamp.to_owned();
        if partner != DESKS {
            let new: OfficeNumber = self::number(partner)?.parse()?;
            for end in [&mut unit.from, &mut unit.to] {
                end.office = if end.office.as_str() == HELPER { new } else { end.office };
            }
        }
        Ok(unit)
    }
}

/// The office on another computer, with a certificate of its own.
async fn second_device(world: &World, number: &str) -> Result<Office> {
    let out = world.path("second").display().to_string();
    let arguments = ["certificate", "issue", "--office", number, "--label", "17の窓口", "--out", &out];
    world.admin(arguments).await?.ok()?;
    let mut entries = std::fs::read_dir(&out)?.filter_map(Result::ok).map(|entry| entry.path());
    Office::of(world, number, &entries.find(|path| path.is_dir()).context("a bundle")?)
}

/// Whether a partner is on the hub.
pub(super) fn is_on_the_hub(partner: usize) -> bool {
    partner < ON_THE_HUB
}

/// A partner's number, its check digit right.
pub(super) fn number(partner: usize) -> Result<String> {
    if partner == DESKS {
        return Ok(TWO_DESKS.to_owned());
    }
    let stem = format!("13717{partner:04}");
    let draft: OfficeNumber = format!("{stem}0").parse()?;
    Ok(format!("{stem}{}", draft.expected_check_digit()))
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        new.extend_from_slice(&rest[..at]);
        new.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    new.extend_from_slice(rest);
    new
}

const SAMPLE_PERSONS: [&str; 3] = ["9935589619", "9923120276", "H935394463"];
