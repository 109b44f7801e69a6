//! Numbers that a function gives back as a set, a row for each.
//!
//! pgrx's iterator calls several functions of Postgres for each row. Here a row is one read from an array.

use pgrx::callconv::{CallCx, RetAbi};
use pgrx::pg_sys;

use crate::arguments::Element;

/// What a function `RETURNS SETOF float8` or `real` gives.
pub struct NumberSet<T>(pub Vec<T>);

/// Where the set is: about to begin, or at the place that Postgres's own context of the calls says.
pub enum Progress<T> {
    Begin(Vec<T>),
    GoOn,
}

// SAFETY: follows Postgres's protocol of one row with each call, with the functions that its SRF_* macros call.
unsafe impl<T: Element> RetAbi for NumberSet<T> {
    type Item = Self;
    type Ret = Progress<T>;

    unsafe fn check_fcinfo_and_prepare(fcinfo: pg_sys::FunctionCallInfo) -> CallCx {
        // SAFETY: the caller's; `fn_extra` is set by the first call and null before it and after the last one.
        unsafe {
            let is_first = (*(*fcinfo).flinfo).fn_extra.is_null();
            if is_first { CallCx::WrappedFn(pg_sys::CurrentMemoryContext) } else { CallCx::RestoreCx }
        }
    }

    fn to_ret(self) -> Progress<T> {
        Progress::Begin(self.0)
    }

    unsafe fn ret_from_fcinfo_fcx(_: pg_sys::FunctionCallInfo) -> Progress<T> {
        Progress::GoOn
    }

    unsafe fn box_ret_in_fcinfo(fcinfo: pg_sys::FunctionCallInfo, progress: Progress<T>) -> pg_sys::Datum {
        // SAFETY: the caller's. `init_MultiFuncCall` raises an ERROR where no set can be given, so that `resultinfo` is one
        // for sets; the array has `max_calls` numbers and lives in the memory of all the calls.
        unsafe {
            let calls = match progress {
                Progress::Begin(values) => begin(fcinfo, &values),
                Progress::GoOn => (*(*fcinfo).flinfo).fn_extra.cast::<pg_sys::FuncCallContext>(),
            };
            let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            let place = (*calls).call_cntr;
            if place < (*calls).max_calls {
                (*calls).call_cntr = place + 1;
                (*result).isDone = pg_sys::ExprDoneCond::ExprMultipleResult;
                let values = (*calls).user_fctx.cast::<T>();
                return (*values.add(place as usize)).datum();
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

/// Keep the values where Postgres frees them with the last call, or when it wants no further one.
///
/// # Safety
///
/// `fcinfo` has to be that of the first call.
unsafe fn begin<T>(fcinfo: pg_sys::FunctionCallInfo, values: &[T]) -> *mut pg_sys::FuncCallContext {
    // SAFETY: the allocation has room for the values, or an ERROR is raised.
    unsafe {
        let calls = pg_sys::init_MultiFuncCall(fcinfo);
        let bytes = std::mem::size_of_val(values).max(1);
        let kept = pg_sys::MemoryContextAllocHuge((*calls).multi_call_memory_ctx, bytes).cast::<T>();
        std::ptr::copy_nonoverlapping(values.as_ptr(), kept, values.len());
        (*calls).user_fctx = kept.cast();
        (*calls).max_calls = values.len() as u64;
        calls
    }
}
