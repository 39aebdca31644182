//! Where the frames of one direction of a WebSocket begin and end (RFC 6455, 5.2). Pure; payloads are not looked at.

/// Two bytes, eight of extended length, four of mask.
const HEADER_BYTES_MAX: usize = 14;

const CLOSE: u8 = 0x8;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER_BYTES_MAX],
    /// Bytes of the header so far.
    have: usize,
    /// Bytes of the payload that are still to come.
    payload_left: u64,
    closed: bool,
}

impl Frames {
    /// These bytes have passed.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let passed = bytes.len().min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= passed as u64;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if let Some(length) = self.whole_header() {
                self.closed |= self.header[0] & 0x0f == CLOSE;
                self.payload_left = length;
                self.have = 0;
            }
        }
    }

    /// Length of the payload, once the header is whole.
    fn whole_header(&self) -> Option<u64> {
        let second = *self.header[..self.have].get(1)?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (extended, short) = match second & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            length => (0, u64::from(length)),
        };
        if self.have < 2 + extended + mask {
            return None;
        }
        let long = self.header[2..2 + extended].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        Some(short + long)
    }

    /// Nothing of a frame is missing.
    pub(super) fn is_between(&self) -> bool {
        self.have == 0 && self.payload_left == 0
    }

    /// A Close frame has begun.
    pub(super) fn has_closed(&self) -> bool {
        self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(opcode: u8, masked: bool, length: usize) -> Vec<u8> {
        let mask = u8::from(masked) << 7;
        let mut frame = vec![0x80 | opcode];
        match length {
            0..126 => frame.push(mask | length as u8),
            126..65536 => {
                frame.push(mask | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if masked {
            frame.extend_from_slice(&[0x88; 4]);
        }
        // A payload that looks like Close frames.
        frame.extend(std::iter::repeat_n(0x88, length));
        frame
    }

    proptest! {
        #[test]
        fn frames_end_where_they_end(
            frames in prop::collection::vec((0_u8..8, any::<bool>(), prop_oneof![0_usize..200, 65530_usize..65540]), 1..6),
            pieces in prop::collection::vec(1_usize..70_000, 1..20),
        ) {
            let mut ends = vec![0];
            let mut all = Vec::new();
            for (opcode, masked, length) in frames {
                all.extend(frame(opcode, masked, length));
                ends.push(all.len());
            }
            let mut followed = Frames::default();
            let mut at = 0;
            for piece in pieces.iter().cycle() {
                let next = (at + piece).min(all.len());
                followed.follow(&all[at..next]);
                at = next;
                prop_assert_eq!(followed.is_between(), ends.contains(&at), "after {} bytes", at);
                prop_assert!(!followed.has_closed());
                if at == all.len() {
                    break;
                }
            }
            followed.follow(&frame(CLOSE, true, 2));
            prop_assert!(followed.has_closed() && followed.is_between());
        }
    }
}
