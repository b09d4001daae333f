use super::*;
use jiff::civil::date;

#[test]
fn the_last_frame_counts_whatever_byte_its_digest_ends_in() {
    let mut endings = [false; 256];
    // As many batches as it takes until every last byte was seen; zero above all, which looks like room not yet used.
    for next in 0..20_000 {
        let (bytes, digest) = segment(next, 0);
        endings[usize::from(digest[31])] = true;
        let scanned = scan(&file(), &bytes, [7; 32], true, 0);
        assert_eq!((scanned.tail, scanned.damage, scanned.chain), (None, vec![], digest), "ends in {:02x}", digest[31]);
        assert_eq!((scanned.next, scanned.end), (Some((1, next)), bytes.len() as u64 - ROOM as u64));
        if endings.iter().all(|seen| *seen) {
            return;
        }
    }
    panic!("not every ending was tried");
}

#[test]
fn a_frame_that_ends_in_zeros_counts_wherever_a_page_ends_in_it() {
    let next = (0..100_000).find(|next| segment(*next, 0).1.ends_with(&[0])).unwrap();
    for before in 0..PAGE + FRAME {
        // Room before the batch moves the frame over a page's end, byte by byte, as seen from the file's end.
        let (mut bytes, digest) = segment(next, 0);
        bytes.truncate(bytes.len() - ROOM);
        bytes.resize(bytes.len() + before, 0);
        let scanned = scan(&file(), &bytes, [7; 32], true, 0);
        assert_eq!((scanned.tail, scanned.chain), (None, digest), "{before} bytes of room");
    }
}

#[test]
fn what_was_not_ended_by_a_frame_is_the_tail() {
    let (mut bytes, digest) = segment(3, 0);
    let end = bytes.len() - ROOM;
    bytes[end..end + 5].copy_from_slice(b"begun");
    let scanned = scan(&file(), &bytes, [7; 32], true, 0);
    assert_eq!((scanned.chain, scanned.end), (digest, end as u64));
    assert_eq!(scanned.tail.map(|tail| tail.start), Some(end));
}

/// A segment of one batch without records that ends at position `next`, and the digest of its frame.
fn segment(next: u64, events: u32) -> (Vec<u8>, [u8; 32]) {
    let mut batch = Vec::new();
    let digest = Frame::end(&mut batch, 1, next, events, [7; 32]);
    let mut bytes = vec![1; HEADER];
    bytes.extend(batch);
    bytes.resize(bytes.len() + ROOM, 0);
    (bytes, digest)
}

fn file() -> Arc<Segment> {
    let file = tempfile::tempfile().unwrap();
    Arc::new(Segment { day: date(2026, 11, 21), number: 1, file })
}

const ROOM: usize = 3 * PAGE;
