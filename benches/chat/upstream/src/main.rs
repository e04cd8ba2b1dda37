//! A provider on loopback with so little overhead that a bench measures its clients.
//!
//! Prints its port, then serves until its standard input ends. The path selects the response, so that a base URL is all
//! that a client needs:
//!
//! | path | response |
//! |---|---|
//! | `…/chat/completions` | a Chat Completions response |
//! | `/stream/<events>/<ms>/…/chat/completions` | that many deltas, one every `ms`; 0 ms is without a pause |
//! | `…/messages`, `/stream/<events>/<ms>/…/messages` | the same in the format of Anthropic Messages |
//! | `/counts` | `<open connections> <all connections> <requests>` |
//!
//! The text of each delta is the time at which it was written, in seconds since the epoch.

mod answers;
mod head;

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use answers::Shape;
use head::{Head, Target};

/// A stream without pauses is written in pieces of this size, as by a provider that writes faster than it is read.
const PIECE: usize = 16 * 1024;

static OPEN: AtomicU64 = AtomicU64::new(0);
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
static REQUESTS: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The end of the pipe means that the parent process has ended.
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(async move {
                OPEN.fetch_add(1, Ordering::Relaxed);
                CONNECTIONS.fetch_add(1, Ordering::Relaxed);
                // A client that closes the connection is not an error.
                let _ = serve(socket).await;
                OPEN.fetch_sub(1, Ordering::Relaxed);
            });
        }
    })
}

async fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut input = Vec::with_capacity(PIECE);
    loop {
        let Some(head) = next_request(&mut socket, &mut input).await? else { return Ok(()) };
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        match head.target {
            Target::Response(shape) => socket.write_all(shape.response().as_bytes()).await?,
            Target::Stream { shape, events, ms: 0 } => flood(&mut socket, shape, events).await?,
            Target::Stream { shape, events, ms } => pace(&mut socket, shape, events, ms).await?,
            Target::Counts => {
                let counts = [&OPEN, &CONNECTIONS, &REQUESTS].map(|count| count.load(Ordering::Relaxed).to_string());
                socket.write_all(answers::plain_text("200 OK", &counts.join(" ")).as_bytes()).await?;
            }
            Target::Unknown => {
                socket.write_all(answers::plain_text("404 Not Found", "no such path").as_bytes()).await?
            }
        }
    }
}

/// Reads one request and discards its body; `None` if the client has closed the connection.
async fn next_request(socket: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<Option<Head>> {
    let head = loop {
        if let Some(head) = Head::read(input) {
            break head;
        }
        if socket.read_buf(input).await? == 0 {
            return Ok(None);
        }
    };
    while input.len() < head.length {
        if socket.read_buf(input).await? == 0 {
            return Ok(None);
        }
    }
    input.drain(..head.length);
    Ok(Some(head))
}

async fn pace(socket: &mut TcpStream, shape: Shape, events: u64, ms: u64) -> io::Result<()> {
    let mut out = Vec::with_capacity(1024);
    shape.begin(&mut out);
    socket.write_all(&out).await?;
    let started = Instant::now();
    for event in 1..=events {
        sleep_until(started + Duration::from_millis(ms * event)).await;
        out.clear();
        shape.delta(&mut out);
        socket.write_all(&out).await?;
    }
    out.clear();
    shape.end(&mut out);
    socket.write_all(&out).await
}

async fn flood(socket: &mut TcpStream, shape: Shape, events: u64) -> io::Result<()> {
    let mut out = Vec::with_capacity(PIECE + 1024);
    shape.begin(&mut out);
    for _ in 0..events {
        shape.delta(&mut out);
        if out.len() >= PIECE {
            socket.write_all(&out).await?;
            out.clear();
        }
    }
    shape.end(&mut out);
    socket.write_all(&out).await
}
