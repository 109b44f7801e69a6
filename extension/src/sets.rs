//! Numbers that a function gives back as a set, a row for each.
//!
//! Each call of Postgres gets the next number. They are made a block at a time when they are asked for: a `LIMIT` leaves out the
//! work for the rows that nobody wants, and no more than a block is held.

use std::marker::PhantomData;

use pgrx::callconv::{CallCx, RetAbi};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReportable;

use crate::arguments::Element;
use crate::error::{Result, SqlResult};

/// What makes the numbers. It lives from the first call to the last, or until Postgres wants no further row.
pub trait Blocks {
    /// Put the next numbers into `block`, which is empty; none are put there when all were given.
    fn next(&mut self, block: &mut Vec<f64>) -> Result<()>;
}

/// Makes what makes the numbers. It is called where what Postgres allocates lives as long as the set.
type Open<'a> = Box<dyn FnOnce() -> Result<Box<dyn Blocks>> + 'a>;

/// What a function `RETURNS SETOF float8` or `real` gives.
pub struct NumberSet<T> {
    open: Open<'static>,
    stored: PhantomData<T>,
}

impl<T> NumberSet<T> {
    pub fn new(open: impl FnOnce() -> Result<Box<dyn Blocks>> + 'static) -> NumberSet<T> {
        NumberSet { open: Box::new(open), stored: PhantomData }
    }
}

/// Where the set is: about to begin, or at the place that Postgres's own context of the calls knows.
pub enum Progress {
    Begin(Open<'static>),
    GoOn,
}

/// A set that was begun.
struct Running {
    blocks: Box<dyn Blocks>,
    block: Vec<f64>,
    /// How many of the block's numbers were given.
    given: usize,
}

impl Running {
    fn next(&mut self) -> Result<Option<f64>> {
        if self.given == self.block.len() {
            self.block.clear();
            self.given = 0;
            self.blocks.next(&mut self.block)?;
        }
        let next = self.block.get(self.given).copied();
        self.given += 1;
        Ok(next)
    }
}

// SAFETY: follows Postgres's protocol of one row with each call, with the functions that its SRF_* macros call.
unsafe impl<T: Element> RetAbi for NumberSet<T> {
    type Item = Self;
    type Ret = Progress;

    unsafe fn check_fcinfo_and_prepare(fcinfo: pg_sys::FunctionCallInfo) -> CallCx {
        // SAFETY: the caller's; `fn_extra` is set by the first call and null before it and after the last one.
        unsafe {
            let is_first = (*(*fcinfo).flinfo).fn_extra.is_null();
            if is_first { CallCx::WrappedFn(pg_sys::CurrentMemoryContext) } else { CallCx::RestoreCx }
        }
    }

    fn to_ret(self) -> Progress {
        Progress::Begin(self.open)
    }

    unsafe fn ret_from_fcinfo_fcx(_: pg_sys::FunctionCallInfo) -> Progress {
        Progress::GoOn
    }

    unsafe fn box_ret_in_fcinfo(fcinfo: pg_sys::FunctionCallInfo, progress: Progress) -> pg_sys::Datum {
        // SAFETY: the caller's. `init_MultiFuncCall` raises an ERROR where no set can be given, so that `resultinfo` is one
        // for sets; `user_fctx` is what `begin` put there, which lives until `end_MultiFuncCall`.
        unsafe {
            let calls = match progress {
                Progress::Begin(open) => begin(fcinfo, open),
                Progress::GoOn => (*(*fcinfo).flinfo).fn_extra.cast::<pg_sys::FuncCallContext>(),
            };
            let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            if let Some(number) = raised((*(*calls).user_fctx.cast::<Running>()).next()) {
                (*calls).call_cntr += 1;
                (*result).isDone = pg_sys::ExprDoneCond::ExprMultipleResult;
                return T::of(number).datum();
            }
            pg_sys::end_MultiFuncCall(fcinfo, calls);
            (*result).isDone = pg_sys::ExprDoneCond::ExprEndResult;
            (*fcinfo).isnull = true;
            pg_sys::Datum::null()
        }
    }

    unsafe fn move_into_fcinfo_fcx(self, _: pg_sys::FunctionCallInfo) {}
    unsafe fn fill_fcinfo_fcx(&self, _: pg_sys::FunctionCallInfo) {}
}

/// The value of a result; its error is raised as that of a function is.
fn raised<T>(result: Result<T>) -> T {
    let result: SqlResult<T> = result.map_err(Into::into);
    result.unwrap_or_report()
}

/// Open the set where Postgres drops it with the last call, or when it wants no further one.
///
/// # Safety
///
/// `fcinfo` has to be that of the first call.
unsafe fn begin(fcinfo: pg_sys::FunctionCallInfo, open: Open<'static>) -> *mut pg_sys::FuncCallContext {
    // SAFETY: the context of the calls is valid, and an ERROR deletes it with what is in it.
    unsafe {
        let calls = pg_sys::init_MultiFuncCall(fcinfo);
        let mut lasting = PgMemoryContexts::For((*calls).multi_call_memory_ctx);
        let blocks = raised(lasting.switch_to(|_| open()));
        let running = Running { blocks, block: Vec::new(), given: 0 };
        (*calls).user_fctx = lasting.leak_and_drop_on_delete(running).cast();
        calls
    }
}
