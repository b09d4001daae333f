//! The programs as programs: arguments in; output, files and exit codes out.

#[path = "programs/admin.rs"]
mod admin;
#[path = "programs/enrolment.rs"]
mod enrolment;
#[path = "programs/every.rs"]
mod every;
#[path = "programs/hub.rs"]
mod hub;
#[path = "programs/people.rs"]
mod people;
#[path = "programs/revoked.rs"]
mod revoked;
