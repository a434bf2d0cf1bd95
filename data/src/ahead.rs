//! Work done ahead of whoever needs it: results in order, at most so many of them waiting, on threads of their own.
//!
//! Decoding a window takes seconds, and so does training on it. [`Ahead`] makes the next windows while the model works
//! on this one, without ever holding more of them than it was allowed.
//!
//! What comes out is what `jobs.map(produce)` would give, whatever the number of threads.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};

/// A thread met a mistake of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{job}: a mistake of this program, please report it: {reason}")]
pub struct Panicked {
    /// What the thread was working on.
    pub job: String,
    /// What the panic said.
    pub reason: String,
}

/// Results of jobs, in their order, made ahead by threads. Dropping it stops them as soon as each is done with its job.
#[derive(Debug)]
pub struct Ahead<T, E> {
    shared: Arc<Shared<T, E>>,
}

#[derive(Debug)]
struct Shared<T, E> {
    depth: usize,
    state: Mutex<State<T, E>>,
    /// Something was taken away, or all is over: workers look again.
    room: Condvar,
    /// Something was put there, or all is over: the consumer looks again.
    made: Condvar,
}

#[derive(Debug)]
struct State<T, E> {
    ready: BTreeMap<usize, Result<T, E>>,
    /// Places that were given to jobs, from 0.
    given: usize,
    /// Results that were handed out, which is the place of the next one.
    taken: usize,
    /// How many jobs there are, once that is known.
    total: Option<usize>,
    stopped: bool,
}

impl<T: Send, E: Send + From<Panicked>> Ahead<T, E> {
    /// Starts `threads` threads in `scope`, which run `produce` for each of `jobs`.
    ///
    /// `depth` is how many results may be waiting or in the making at any time; threads beyond it would have nothing
    /// to do and are not started. Both are at least 1. A job that fails or panics is an error at its own place, and the
    /// jobs after it go on; whoever does not want that drops this at the first error.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn new<'scope, 'env, J, F>(
        scope: &'scope Scope<'scope, 'env>,
        threads: usize,
        depth: usize,
        jobs: impl Iterator<Item = J> + Send + 'scope,
        produce: F,
    ) -> io::Result<Self>
    where
        J: Display,
        F: Fn(&J) -> Result<T, E> + Send + Sync + 'scope,
        T: 'scope,
        E: 'scope,
    {
        let depth = depth.max(1);
        let state = State { ready: BTreeMap::new(), given: 0, taken: 0, total: None, stopped: false };
        let shared = Shared { depth, state: Mutex::new(state), room: Condvar::new(), made: Condvar::new() };
        let ahead = Self { shared: Arc::new(shared) };
        let work = Arc::new((Mutex::new(jobs), produce));
        for index in 0..threads.clamp(1, depth) {
            let (shared, work) = (Arc::clone(&ahead.shared), Arc::clone(&work));
            let named = Builder::new().name(format!("ahead-{index}"));
            // When this fails, `ahead` is dropped, and the threads before it stop.
            named.spawn_scoped(scope, move || shared.work(&work.0, &work.1))?;
        }
        Ok(ahead)
    }
}

impl<T, E> Iterator for Ahead<T, E> {
    type Item = Result<T, E>;

    /// Waits for the next result.
    fn next(&mut self) -> Option<Self::Item> {
        let mut state = self.shared.lock();
        loop {
            let place = state.taken;
            if let Some(result) = state.ready.remove(&place) {
                state.taken += 1;
                self.shared.room.notify_all();
                return Some(result);
            }
            if state.total == Some(place) {
                return None;
            }
            state = self.shared.made.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T, E> Drop for Ahead<T, E> {
    fn drop(&mut self) {
        let unwanted = {
            let mut state = self.shared.lock();
            state.stopped = true;
            std::mem::take(&mut state.ready)
        };
        self.shared.room.notify_all();
        drop(unwanted); // takes time, which no thread should wait for
    }
}

impl<T, E: From<Panicked>> Shared<T, E> {
    /// What a thread does: one job after the other, until there is none or none is wanted.
    fn work<J: Display>(&self, jobs: &Mutex<impl Iterator<Item = J>>, produce: &impl Fn(&J) -> Result<T, E>) {
        while let Some((place, job)) = self.job(jobs) {
            let panicked = |reason| Err(E::from(Panicked { job: job.to_string(), reason }));
            let result = guarded(|| produce(&job)).unwrap_or_else(panicked);
            self.put(place, result);
        }
    }

    /// The next job and its place, as soon as there is room for its result.
    fn job<J>(&self, jobs: &Mutex<impl Iterator<Item = J>>) -> Option<(usize, J)> {
        // Held until the job is there, so that jobs get their places in order.
        let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let place = {
            let full = |state: &mut State<T, E>| !state.stopped && state.given - state.taken == self.depth;
            let waited = self.room.wait_while(self.lock(), full);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            if state.stopped || state.total.is_some() {
                return None;
            }
            state.given += 1;
            state.given - 1
        };
        match guarded(|| jobs.next()) {
            Ok(Some(job)) => return Some((place, job)),
            Ok(None) => self.lock().total = Some(place),
            Err(reason) => {
                self.lock().total = Some(place + 1);
                self.put(place, Err(E::from(Panicked { job: "the list of jobs".to_owned(), reason })));
            }
        }
        self.made.notify_all();
        None
    }

    fn put(&self, place: usize, result: Result<T, E>) {
        let mut state = self.lock();
        if !state.stopped {
            state.ready.insert(place, result);
            self.made.notify_all();
        }
    }
}

impl<T, E> Shared<T, E> {
    /// No thread panics while it holds the lock, so what it guards is whole even if a panic went by.
    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs what may panic; the panic's words are the error.
pub fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    // What the panic may have left half done is behind a reference that `run` must not leave broken, such as a lock,
    // which says so itself, or belongs to the job, which is dropped.
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[derive(Debug, PartialEq, thiserror::Error)]
    enum Failure {
        #[error("{0} is odd")]
        Odd(usize),
        #[error(transparent)]
        Panicked(#[from] Panicked),
    }

    /// Later jobs take less time, so that threads overtake each other.
    fn slowly(job: &usize) -> Result<Vec<u8>, Failure> {
        thread::sleep(Duration::from_millis(4 - *job as u64 % 5));
        Ok((0..=*job as u8).collect())
    }

    #[test]
    fn results_are_the_same_and_in_order_for_any_number_of_threads() {
        let expected: Vec<_> = (0..30).map(|job| slowly(&job)).collect();
        for (threads, depth) in [(1, 1), (1, 4), (2, 2), (2, 3), (8, 3), (8, 100)] {
            let found: Vec<_> =
                thread::scope(|scope| Ahead::new(scope, threads, depth, 0..30, slowly).unwrap().collect());
            assert_eq!(found, expected, "{threads} threads, {depth} ahead");
        }
    }

    #[test]
    fn nothing_comes_of_no_jobs() {
        let none = thread::scope(|scope| Ahead::new(scope, 2, 2, 0..0, slowly).unwrap().count());
        assert_eq!(none, 0);
    }

    #[test]
    fn no_more_is_made_ahead_than_was_allowed() {
        let begun = AtomicUsize::new(0);
        let produce = |job: &usize| -> Result<usize, Failure> {
            begun.fetch_add(1, Ordering::SeqCst);
            Ok(*job)
        };
        thread::scope(|scope| {
            for (taken, result) in Ahead::new(scope, 8, 3, 0..40, produce).unwrap().enumerate() {
                thread::sleep(Duration::from_millis(1));
                assert_eq!(result, Ok(taken));
                let begun = begun.load(Ordering::SeqCst);
                assert!(begun <= taken + 1 + 3, "{begun} begun when {} were taken", taken + 1);
            }
        });
        assert_eq!(begun.into_inner(), 40);
    }

    #[test]
    fn a_job_that_fails_or_panics_is_an_error_at_its_own_place() {
        let produce = |job: &usize| match job {
            3 => Err(Failure::Odd(3)),
            5 => panic!("no {job}"),
            job => Ok(*job),
        };
        let results: Vec<_> = thread::scope(|scope| Ahead::new(scope, 2, 2, 0..8, produce).unwrap().collect());
        let panicked = Failure::Panicked(Panicked { job: "5".to_owned(), reason: "no 5".to_owned() });
        for (job, result) in results.into_iter().enumerate() {
            match job {
                3 => assert_eq!(result, Err(Failure::Odd(3))),
                5 => assert_eq!(result.as_ref(), Err(&panicked)),
                _ => assert_eq!(result, Ok(job)),
            }
        }
    }

    #[test]
    fn a_list_of_jobs_that_panics_ends_with_an_error() {
        let jobs = (0..9).inspect(|&job| assert!(job < 4, "job {job} is missing"));
        let results: Vec<_> = thread::scope(|scope| Ahead::new(scope, 2, 3, jobs, slowly).unwrap().collect());
        assert_eq!(results.len(), 5);
        let text = results[4].as_ref().unwrap_err().to_string();
        assert_eq!(text, "the list of jobs: a mistake of this program, please report it: job 4 is missing");
    }

    #[test]
    fn dropping_it_stops_all_threads_though_jobs_never_end() {
        let (begun, dropped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let produce = |job: &usize| -> Result<usize, Failure> {
            assert!(!dropped.load(Ordering::SeqCst) || *job < 5, "job {job} was begun after the end");
            begun.fetch_add(1, Ordering::SeqCst);
            Ok(*job)
        };
        thread::scope(|scope| {
            let mut ahead = Ahead::new(scope, 3, 3, 0.., produce).unwrap();
            assert_eq!((ahead.next(), ahead.next()), (Some(Ok(0)), Some(Ok(1))));
            dropped.store(true, Ordering::SeqCst);
        }); // which waits for the threads
        assert!((2..=5).contains(&begun.into_inner()));
    }
}
