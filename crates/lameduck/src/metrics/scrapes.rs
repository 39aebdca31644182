//! The rhythm of those who read /metrics, and the wait for their last reading.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Scrapers that are remembered; the one that was silent longest gives way.
const SCRAPERS_MAX: usize = 16;

/// After so many intervals without a reading a scraper has gone.
const GONE_AFTER: u32 = 3;

/// Everything that is known about scrapers. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Scrapes {
    readings: Arc<watch::Sender<u64>>,
    scrapers: Arc<Mutex<HashMap<IpAddr, Scraper>>>,
}

#[derive(Clone, Copy, Debug)]
struct Scraper {
    last: Instant,
    /// Between its last two readings; `None` after the first.
    interval: Option<Duration>,
}

/// How the wait for the last reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastScrape {
    /// All known scrapers have read the final numbers.
    Read,
    /// None is expected within the bound: waiting is of no use.
    NotExpected,
    /// The bound came first.
    Missed,
}

impl Default for Scrapes {
    fn default() -> Self {
        Self { readings: Arc::new(watch::Sender::new(0)), scrapers: Arc::default() }
    }
}

impl Scrapes {
    /// A scraper at `from` has read the numbers of `at`.
    pub(crate) fn read(&self, from: IpAddr, at: Instant) {
        let mut scrapers = self.lock();
        let interval = scrapers.get(&from).map(|scraper| at.saturating_duration_since(scraper.last));
        if scrapers.len() >= SCRAPERS_MAX && interval.is_none() {
            let silent = scrapers.iter().min_by_key(|(_, scraper)| scraper.last).map(|(address, _)| *address);
            silent.map(|address| scrapers.remove(&address));
        }
        scrapers.insert(from, Scraper { last: at, interval });
        drop(scrapers);
        self.readings.send_modify(|readings| *readings += 1);
    }

    /// Waits until the scrapers that are due by `until` have read what is true from `since` on.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn last(&self, since: Instant, until: Instant) -> LastScrape {
        let mut readings = self.readings.subscribe();
        let awaited = self.due(since, until);
        if awaited.is_empty() {
            return LastScrape::NotExpected;
        }
        let read = |from: &IpAddr| self.lock().get(from).is_none_or(|scraper| scraper.last >= since);
        while !awaited.iter().all(read) {
            if tokio::time::timeout_at(until, readings.changed()).await.is_err() {
                return LastScrape::Missed;
            }
        }
        LastScrape::Read
    }

    /// Scrapers whose next reading should come by `until`: those with a rhythm that they still keep.
    fn due(&self, since: Instant, until: Instant) -> Vec<IpAddr> {
        let is_due = |scraper: &Scraper| {
            scraper.interval.is_some_and(|interval| {
                since.saturating_duration_since(scraper.last) <= interval * GONE_AFTER
                    && scraper.last + interval <= until
            })
        };
        self.lock().iter().filter(|(_, scraper)| is_due(scraper)).map(|(from, _)| *from).collect()
    }

    /// A panic while the lock was held cannot have left an entry halfway.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Scraper>> {
        self.scrapers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    /// Scrapers that came every `interval`, the last time just now.
    async fn scraped(intervals: &[(IpAddr, u64)]) -> Scrapes {
        let scrapes = Scrapes::default();
        for &(from, interval) in intervals {
            scrapes.read(from, Instant::now() - S(interval));
            scrapes.read(from, Instant::now());
        }
        tokio::time::advance(S(1)).await;
        scrapes
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_is_for_the_next_reading_of_each_scraper() {
        let scrapes = scraped(&[(ONE, 5), (OTHER, 15)]).await;
        let since = Instant::now();
        let waiting = tokio::spawn({
            let scrapes = scrapes.clone();
            async move { (scrapes.last(since, since + S(60)).await, since.elapsed()) }
        });
        for (after, from) in [(4, ONE), (10, OTHER)] {
            tokio::time::sleep(S(after)).await;
            assert!(!waiting.is_finished());
            scrapes.read(from, Instant::now());
        }
        let (end, took) = waiting.await.unwrap();
        assert_eq!((end, took), (LastScrape::Read, S(14)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_for_a_reading_that_cannot_come_in_time() {
        let since = Instant::now();
        let scrapes = Scrapes::default();
        assert_eq!(scrapes.last(since, since + S(60)).await, LastScrape::NotExpected, "no scraper");
        scrapes.read(ONE, Instant::now());
        tokio::time::advance(S(1)).await;
        assert_eq!(scrapes.last(Instant::now(), since + S(60)).await, LastScrape::NotExpected, "no rhythm");
        let scrapes = scraped(&[(ONE, 60)]).await;
        let since = Instant::now();
        assert_eq!(scrapes.last(since, since + S(10)).await, LastScrape::NotExpected, "it comes in a minute");
        let scrapes = scraped(&[(ONE, 5)]).await;
        tokio::time::advance(S(60)).await;
        let since = Instant::now();
        assert_eq!(scrapes.last(since, since + S(10)).await, LastScrape::NotExpected, "it has gone");
    }

    #[tokio::test(start_paused = true)]
    async fn the_bound_ends_the_wait() {
        let scrapes = scraped(&[(ONE, 5)]).await;
        let since = Instant::now();
        assert_eq!(scrapes.last(since, since + S(10)).await, LastScrape::Missed);
        assert_eq!(since.elapsed(), S(10));
    }

    #[tokio::test(start_paused = true)]
    async fn scrapers_are_bounded() {
        let scrapes = Scrapes::default();
        for last in 0..=255 {
            scrapes.read(IpAddr::from([10, 0, 1, last]), Instant::now());
            tokio::time::advance(S(1)).await;
        }
        assert_eq!(scrapes.lock().len(), SCRAPERS_MAX);
        assert!(scrapes.lock().contains_key(&IpAddr::from([10, 0, 1, 255])));
    }
}
