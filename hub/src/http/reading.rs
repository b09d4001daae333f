//! Reading lists: off the runtime's threads, few at a time, and for one office one after the other. What an index or a disk
//! takes its time for keeps nobody else's request waiting, and an office that asks for much waits for itself.

use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where lists are read.
#[derive(Debug)]
pub struct Reading {
    places: Arc<Semaphore>,
    /// One place for each office; offices whose numbers fall together share one.
    offices: Vec<Arc<Semaphore>>,
}

impl Default for Reading {
    fn default() -> Self {
        let own = || Arc::new(Semaphore::new(1));
        Self { places: Arc::new(Semaphore::new(PLACES)), offices: std::iter::repeat_with(own).take(OFFICES).collect() }
    }
}

impl Reading {
    /// Reads for an office, once it is its turn. What was begun goes on to its end, whether or not somebody waits for it.
    ///
    /// # Errors
    /// Those of the reading.
    pub async fn read<T: Send + 'static>(
        &self,
        office: OfficeNumber,
        read: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let own = &self.offices[crc32fast::hash(office.as_bytes()) as usize % OFFICES];
        // Its own place first: who waits for that holds none of the others.
        let own = Arc::clone(own).acquire_owned().await.map_err(no_reading)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(no_reading)?;
        let reading = tokio::task::spawn_blocking(move || {
            let found = read();
            drop((place, own));
            found
        });
        reading.await.map_err(no_reading)?
    }
}

fn no_reading<E>(_: E) -> Refusal {
    Code::Internal.into()
}

/// Lists read at a time.
const PLACES: usize = 4;
/// Places for offices.
const OFFICES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    #[tokio::test]
    async fn an_office_that_asks_for_much_keeps_no_other_one_waiting() {
        let reading = Arc::new(Reading::default());
        let (busy, quick) = ("1379999012".parse().unwrap(), "1379999020".parse().unwrap());
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let mut many = tokio::task::JoinSet::new();
        for n in 0..20 {
            let (reading, begun, held) = (Arc::clone(&reading), begun.clone(), Arc::clone(&held));
            many.spawn(async move {
                let work = move || {
                    begun.send(n).unwrap();
                    held.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
                    Ok(())
                };
                reading.read(busy, work).await.unwrap();
            });
        }
        begins.recv().await.unwrap();
        let other = timeout(Duration::from_secs(10), reading.read(quick, || Ok(7))).await;
        assert_eq!(other.unwrap().unwrap(), 7);
        assert!(begins.try_recv().is_err(), "one list of an office at a time");
        for _ in 0..20 {
            release.send(()).unwrap();
        }
        many.join_all().await;
    }
}
