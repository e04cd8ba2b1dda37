//! The parts of a request head that the upstream uses.

use crate::answers::Shape;

pub struct Head {
    pub target: Target,
    /// Bytes of the request, including its body.
    pub length: usize,
}

pub enum Target {
    Response(Shape),
    Stream { shape: Shape, events: u64, ms: u64 },
    Counts,
    Unknown,
}

impl Head {
    /// Parses the head at the start of `input`; `None` if it is incomplete.
    pub fn read(input: &[u8]) -> Option<Self> {
        let end = input.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&input[..end]);
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1).unwrap_or_default();
        let body = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok())
            .unwrap_or(0);
        Some(Self { target: Target::from_path(path), length: end + body })
    }
}

impl Target {
    fn from_path(path: &str) -> Self {
        if path == "/counts" {
            return Self::Counts;
        }
        let shape = match path.split('?').next().unwrap_or_default().rsplit('/').next() {
            Some("completions") => Shape::ChatCompletions,
            Some("messages") => Shape::Messages,
            _ => return Self::Unknown,
        };
        let Some(rest) = path.strip_prefix("/stream/") else { return Self::Response(shape) };
        let mut numbers = rest.split('/').map_while(|part| part.parse::<u64>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(events), Some(ms)) => Self::Stream { shape, events, ms },
            _ => Self::Unknown,
        }
    }
}
