use super::*;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::time::{advance, sleep};

const FRESH: Duration = Duration::from_secs(5);
const STALE: Duration = Duration::from_secs(60);

fn options() -> CacheOptions {
    CacheOptions { prefix: "test:".to_owned(), fresh: FRESH, stale: STALE, bytes_max: 1 << 20 }
}

/// A source that counts how often it is asked.
#[derive(Clone, Default)]
struct Source {
    loads: Arc<AtomicUsize>,
    down: Arc<std::sync::atomic::AtomicBool>,
}

impl Source {
    fn load(&self) -> impl FnOnce() -> futures_util::future::BoxFuture<'static, Result<Option<Bytes>, String>> + use<> {
        let source = self.clone();
        move || {
            Box::pin(async move {
                let number = source.loads.fetch_add(1, Ordering::SeqCst) + 1;
                sleep(Duration::from_millis(50)).await;
                if source.down.load(Ordering::SeqCst) {
                    Err("down".to_owned())
                } else {
                    Ok(Some(format!("{number}").into()))
                }
            })
        }
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

async fn value(cache: &Cache, source: &Source) -> Option<String> {
    let value = cache.get("key", source.load()).await;
    value.ok().flatten().map(|value| String::from_utf8(value.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_share_one_load() {
    let (cache, source) = (Cache::new(options()), Source::default());
    let all = join_all((0..1000).map(|_| value(&cache, &source))).await;
    assert!(all.iter().all(|value| value.as_deref() == Some("1")));
    assert_eq!(source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_is_shared_and_not_kept() {
    let (cache, source) = (Cache::new(options()), Source::default());
    source.down.store(true, Ordering::SeqCst);
    let all = join_all((0..100).map(|_| cache.get("key", source.load()))).await;
    assert!(all.iter().all(|result| result.as_ref().is_err_and(|error| error.get() == "down")));
    assert_eq!(source.loads(), 1);
    source.down.store(false, Ordering::SeqCst);
    assert_eq!(value(&cache, &source).await.as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn when_the_caller_that_loads_goes_another_one_does_it() {
    let (cache, source) = (Cache::new(options()), Source::default());
    let (first_cache, first_source) = (cache.clone(), source.clone());
    let first = tokio::spawn(async move { value(&first_cache, &first_source).await });
    while source.loads() == 0 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn(async move { value(&cache, &source).await });
    tokio::task::yield_now().await;
    first.abort();
    assert_eq!(second.await.unwrap().as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_stale_result_is_served_and_loaded_again_once() {
    let (cache, source) = (Cache::new(options()), Source::default());
    value(&cache, &source).await;
    advance(FRESH + Duration::from_millis(1)).await;
    for _ in 0..100 {
        assert_eq!(value(&cache, &source).await.as_deref(), Some("1"), "no caller waits for the load");
    }
    sleep(Duration::from_millis(60)).await;
    assert_eq!(value(&cache, &source).await.as_deref(), Some("2"));
    assert_eq!(source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_is_asked_once_a_second_while_there_is_something_to_serve() {
    let (cache, source) = (Cache::new(options()), Source::default());
    value(&cache, &source).await;
    source.down.store(true, Ordering::SeqCst);
    advance(FRESH).await;
    for _ in 0..100 {
        assert_eq!(value(&cache, &source).await.as_deref(), Some("1"));
        sleep(Duration::from_millis(100)).await;
    }
    assert!((8..=11).contains(&source.loads()), "{} loads in 10 s", source.loads());
    // moka counts by the real clock; the age of the entry ends it all the same.
    advance(STALE).await;
    assert_eq!(value(&cache, &source).await, None, "what is gone is not served");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_began_before_a_change_is_not_kept() {
    let (cache, source) = (Cache::new(options()), Source::default());
    let changed = Arc::new(Notify::new());
    let (other, wake) = (cache.clone(), Arc::clone(&changed));
    let loading = tokio::spawn(async move {
        other
            .get("key", async move || {
                wake.notified().await;
                Ok::<_, String>(Some("before".into()))
            })
            .await
    });
    tokio::task::yield_now().await;
    cache.invalidate("key").await;
    changed.notify_one();
    assert_eq!(loading.await.unwrap().unwrap().unwrap(), "before");
    assert_eq!(value(&cache, &source).await.as_deref(), Some("1"), "the next caller loads again");
}

#[tokio::test(start_paused = true)]
async fn what_is_absent_is_not_kept() {
    let (cache, source) = (Cache::new(options()), Source::default());
    let absent = cache.get("key", async || Ok::<_, String>(None)).await;
    assert!(matches!(absent, Ok(None)));
    assert_eq!(value(&cache, &source).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn memory_is_bounded() {
    let cache = Cache::new(CacheOptions { bytes_max: 100_000, ..options() });
    for number in 0..1000 {
        let load = async || Ok::<_, String>(Some(Bytes::from(vec![0; 1000])));
        cache.get(&number.to_string(), load).await.unwrap();
    }
    cache.inner.near.run_pending_tasks().await;
    let bytes = cache.inner.near.weighted_size();
    assert!((50_000..=100_000).contains(&bytes), "{bytes} bytes");
}

#[tokio::test(start_paused = true)]
async fn lookups_are_counted_by_result() {
    let (cache, source) = (Cache::new(options()), Source::default());
    let registry = lameduck::prometheus::Registry::new();
    registry.register(Box::new(cache.metrics("orders"))).unwrap();
    for _ in 0..3 {
        value(&cache, &source).await;
    }
    let families = registry.gather();
    let lookups = families.iter().find(|family| family.name() == "lameduck_cache_lookups_total").unwrap();
    let count = |result: &str| {
        let labelled = |metric: &&lameduck::prometheus::proto::Metric| {
            metric.get_label().iter().any(|label| label.value() == result)
        };
        lookups.get_metric().iter().find(labelled).unwrap().get_counter().get_value()
    };
    assert_eq!([count("fresh"), count("loaded"), count("stale")], [2.0, 1.0, 0.0]);
}
