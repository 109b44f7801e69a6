//! Which model answers for a name, kept for as long as nothing that a statement sees can have changed.
//!
//! What a query sees is decided by its snapshot. Two statements whose snapshots name the same transactions see the same
//! rows, so that the answer found for the first is the answer for the second: a deployment in another session commits
//! a transaction, which every later snapshot counts; one of this session is another command. What a snapshot doesn't tell
//! empties the memory: the rollback of a subtransaction (to a savepoint; it leaves a REPEATABLE READ snapshot as it is), the
//! end of a transaction that wrote or failed, and every end of a SERIALIZABLE one, whose reads have to be seen by Postgres.
//!
//! Never key this by less, such as the time or a counter of our own: a model that was rolled back would go on predicting.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use pgrx::pg_sys;

use crate::arguments::Text;
use crate::error::Result;

/// More names than one statement has; the memory is emptied when it is full.
const KEPT: usize = 64;

/// What a call asks for.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    Project(Text<'a>),
    /// The project of a name, which has to be a decomposition.
    Decomposition(Text<'a>),
    Model(i64),
}

/// A [`Wanted`] that outlives its query: the names are copies.
enum KeptName {
    Project(Vec<u8>),
    Decomposition(Vec<u8>),
    Model(i64),
}

impl KeptName {
    fn is(&self, wanted: Wanted<'_>) -> bool {
        match (self, wanted) {
            (KeptName::Project(name), Wanted::Project(wanted))
            | (KeptName::Decomposition(name), Wanted::Decomposition(wanted)) => name == wanted.0,
            (KeptName::Model(id), Wanted::Model(wanted)) => *id == wanted,
            _ => false,
        }
    }
}

/// What decides which rows a query sees, and who asks.
struct Sight<'a> {
    /// `xmin`, `xmax`, the command and the user.
    numbers: [u32; 4],
    /// Whether the snapshot's list of subtransactions is cut off, whether it was taken on a standby, and whether Postgres
    /// has to see what this transaction reads.
    flags: [bool; 3],
    running: &'a [pg_sys::TransactionId],
    running_below: &'a [pg_sys::TransactionId],
    epoch: u64,
}

/// A [`Sight`] that outlives its query: the lists are copies.
struct KeptSight {
    numbers: [u32; 4],
    flags: [bool; 3],
    running: Vec<pg_sys::TransactionId>,
    running_below: Vec<pg_sys::TransactionId>,
    epoch: u64,
}

impl KeptSight {
    fn new(sight: &Sight<'_>) -> KeptSight {
        KeptSight {
            numbers: sight.numbers,
            flags: sight.flags,
            running: sight.running.to_vec(),
            running_below: sight.running_below.to_vec(),
            epoch: sight.epoch,
        }
    }

    fn is(&self, sight: &Sight<'_>) -> bool {
        self.numbers == sight.numbers
            && self.flags == sight.flags
            && self.epoch == sight.epoch
            && self.running == sight.running
            && self.running_below == sight.running_below
    }
}

struct Memory<T> {
    sight: Option<KeptSight>,
    known: Vec<(KeptName, Rc<T>)>,
}

/// A memory of what names stand for.
pub struct Resolution<T> {
    memory: RefCell<Memory<T>>,
}

thread_local! {
    /// Counts what makes a snapshot's numbers mean something else.
    static EPOCH: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: as Postgres declares them. Neither raises an ERROR, so that neither needs the guard that pgrx puts around every
// function of Postgres, which costs more than they do.
unsafe extern "C" {
    fn ActiveSnapshotSet() -> bool;
    fn GetActiveSnapshot() -> pg_sys::Snapshot;
    fn GetUserId() -> pg_sys::Oid;
}

impl<T> Resolution<T> {
    pub const fn new() -> Resolution<T> {
        Resolution { memory: RefCell::new(Memory { sight: None, known: Vec::new() }) }
    }

    /// What the name stands for to the calling statement; `find` asks the catalog when that isn't known.
    pub fn get(&self, wanted: Wanted<'_>, find: impl FnOnce(Wanted<'_>) -> Result<Rc<T>>) -> Result<Rc<T>> {
        // SAFETY: the snapshot is used before anything else is called that could end it.
        let sight = unsafe { current_sight() };
        let memory = self.memory.borrow();
        if let (Some(kept), Some(sight)) = (&memory.sight, &sight)
            && kept.is(sight)
            && let Some((_, found)) = memory.known.iter().find(|(name, _)| name.is(wanted))
        {
            return Ok(Rc::clone(found));
        }
        drop(memory);
        let kept = sight.as_ref().map(KeptSight::new);
        let found = find(wanted)?;
        // SAFETY: as above. What `find` did may have changed what is seen.
        let sight = unsafe { current_sight() };
        let unchanged = kept.as_ref().zip(sight.as_ref()).is_some_and(|(kept, sight)| kept.is(sight));
        let mut memory = self.memory.borrow_mut();
        let current = memory.sight.as_ref().zip(sight.as_ref()).is_some_and(|(kept, sight)| kept.is(sight));
        if !current || memory.known.len() >= KEPT {
            memory.known.clear();
            memory.sight = kept;
        }
        if unchanged {
            let name = match wanted {
                Wanted::Project(name) => KeptName::Project(name.0.to_vec()),
                Wanted::Decomposition(name) => KeptName::Decomposition(name.0.to_vec()),
                Wanted::Model(id) => KeptName::Model(id),
            };
            memory.known.push((name, Rc::clone(&found)));
        }
        Ok(found)
    }
}

/// What the calling statement sees; none when nothing says so.
///
/// # Safety
///
/// The result must be dropped before Postgres can change the active snapshot.
unsafe fn current_sight<'a>() -> Option<Sight<'a>> {
    // SAFETY: called in the backend's one thread; a snapshot that is set is valid, and its arrays have the lengths that
    // it tells.
    unsafe {
        if !ActiveSnapshotSet() {
            return None;
        }
        let snapshot = &*GetActiveSnapshot();
        if snapshot.snapshot_type != pg_sys::SnapshotType::SNAPSHOT_MVCC {
            return None;
        }
        Some(Sight {
            numbers: [snapshot.xmin.into(), snapshot.xmax.into(), snapshot.curcid, GetUserId().to_u32()],
            flags: [snapshot.suboverflowed, snapshot.takenDuringRecovery, is_serializable()],
            running: ids(snapshot.xip, snapshot.xcnt as usize),
            running_below: ids(snapshot.subxip, snapshot.subxcnt.max(0) as usize),
            epoch: EPOCH.get(),
        })
    }
}

/// # Safety
///
/// `first` has to be the first of `count` transactions, unless there are none.
unsafe fn ids<'a>(first: *mut pg_sys::TransactionId, count: usize) -> &'a [pg_sys::TransactionId] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// Let no answer of before count any more.
pub fn forget() {
    EPOCH.set(EPOCH.get() + 1);
}

/// Ask Postgres to tell when transactions end. Called once, when the library is loaded.
pub fn watch_transactions() {
    // SAFETY: both functions have the signature that Postgres calls, touch nothing but a counter, and stay loaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(subtransaction_ended), std::ptr::null_mut());
    }
}

// SAFETY: has the signature of an `XactCallback`, and is called by Postgres alone.
unsafe extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _: *mut c_void) {
    let forget = match event {
        // A transaction that wrote nothing and is not watched by Postgres leaves everything as it was.
        pg_sys::XactEvent::XACT_EVENT_COMMIT => {
            // SAFETY: both read variables of the backend.
            unsafe { pg_sys::GetTopTransactionIdIfAny() != pg_sys::InvalidTransactionId || is_serializable() }
        }
        pg_sys::XactEvent::XACT_EVENT_PRE_COMMIT
        | pg_sys::XactEvent::XACT_EVENT_PARALLEL_PRE_COMMIT
        | pg_sys::XactEvent::XACT_EVENT_PRE_PREPARE => false,
        _ => true,
    };
    if forget {
        self::forget();
    }
}

// SAFETY: has the signature of a `SubXactCallback`, and is called by Postgres alone.
unsafe extern "C-unwind" fn subtransaction_ended(
    event: pg_sys::SubXactEvent::Type,
    _: pg_sys::SubTransactionId,
    _: pg_sys::SubTransactionId,
    _: *mut c_void,
) {
    // What a subtransaction wrote stays visible when it commits; when it is rolled back it is gone, and the snapshot of a
    // REPEATABLE READ transaction says the same as before.
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        forget();
    }
}

/// # Safety
///
/// To be called in the backend's one thread.
unsafe fn is_serializable() -> bool {
    // SAFETY: the caller's.
    unsafe { pg_sys::XactIsoLevel == pg_sys::XACT_SERIALIZABLE as i32 }
}
