//! What the planner asks of the functions that score rows: how long a call takes.
//!
//! A call takes as long as its model is large, from a microsecond to a millisecond, so that one figure for all models would plan
//! workers where they only cost, or none where they are needed. The support function that `extension/editions/parts/prediction-cost.sql`
//! gives these functions answers with an estimate from the catalog, where the project's name or the model's number is a constant.
//!
//! It never fails a plan, reads no model, and asks nothing that the caller may not read: without an answer, Postgres takes the COST
//! that the function was declared with.

use std::ffi::CStr;
use std::rc::Rc;

use pgml_core::cost::Known;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::prelude::*;
use pgrx::{FromDatum, pg_sys};

use crate::arguments::Text;
use crate::catalog::{Edition, deployments, models};
use crate::error::Result;
use crate::resolution::{Resolution, Wanted};

/// Rows of a call of `predict_batch`: as many as Postgres takes a set for that does not tell.
const ROWS: f64 = 1000.0;

/// The tables that an estimate is read from.
const TABLES: [&CStr; 4] = [c"projects", c"deployments", c"models", c"files"];

// Postgres has more bits for rights since version 16.
const SELECT: pg_sys::AclMode = pg_sys::ACL_SELECT as pg_sys::AclMode;
const USAGE: pg_sys::AclMode = pg_sys::ACL_USAGE as pg_sys::AclMode;

thread_local! {
    /// The operators that a call takes as long as. The planner asks several times for one plan.
    static ESTIMATES: Resolution<Option<f64>> = const { Resolution::new() };
}

/// A request of the planner's to a support function.
pub struct Request(*mut pg_sys::Node);

/// The request when it was answered, or a null pointer, which is no NULL.
pub struct Answer(*mut pg_sys::Node);

// SAFETY: the planner calls support functions with a pointer to a request. A value of the type `internal` is a pointer.
unsafe impl<'fcx> ArgAbi<'fcx> for Request {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        let pointer = unsafe { arg.unbox_arg_using_from_datum::<pgrx::datum::AnyElement>() };
        Request(pointer.map_or(std::ptr::null_mut(), |pointer| pointer.datum().cast_mut_ptr()))
    }
}

// SAFETY: a pointer, as the planner expects it.
unsafe impl BoxRet for Answer {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: the type `internal` is passed by value.
        unsafe { fcinfo.return_raw_datum(pg_sys::Datum::from(self.0)) }
    }
}

#[pg_extern(sql = false)]
fn pgml_prediction_cost(request: Request) -> Answer {
    answer(request, Edition::Current)
}

#[pg_extern(sql = false)]
fn edition_1_0_prediction_cost(request: Request) -> Answer {
    answer(request, Edition::V1)
}

fn answer(Request(node): Request, edition: Edition) -> Answer {
    // SAFETY: a node of the planner's; its tag tells what it is. The cost is a setting.
    unsafe {
        if !is(node, pg_sys::NodeTag::T_SupportRequestCost) {
            return Answer(std::ptr::null_mut());
        }
        let request = &mut *node.cast::<pg_sys::SupportRequestCost>();
        let Some(operators) = operators(request.node, edition) else { return Answer(std::ptr::null_mut()) };
        request.startup = 0.0;
        request.per_tuple = operators * pg_sys::cpu_operator_cost;
    }
    Answer(node)
}

/// # Safety
///
/// The node has to be one, or null.
unsafe fn is(node: *const pg_sys::Node, tag: pg_sys::NodeTag) -> bool {
    // SAFETY: the caller's.
    !node.is_null() && unsafe { (*node).type_ } == tag
}

/// The operators that a call takes as long as; none where nothing is known of its model.
///
/// # Safety
///
/// The node has to be one of the planner's, or null.
unsafe fn operators(node: *const pg_sys::Node, edition: Edition) -> Option<f64> {
    // SAFETY: the caller's; the arguments of a call are a list of nodes, and a constant has a value of its type.
    let (wanted, rows) = unsafe {
        if !is(node, pg_sys::NodeTag::T_FuncExpr) {
            return None;
        }
        let call = &*node.cast::<pg_sys::FuncExpr>();
        // `predict_classes` is a set, too: of the classes of one row.
        let is_batch = call.funcretset && call.funcresulttype != pg_sys::RECORDOID;
        let arguments = call.args.as_ref().filter(|arguments| arguments.length > 0)?;
        let first: *const pg_sys::Node = (*arguments.elements).ptr_value.cast();
        if !is(first, pg_sys::NodeTag::T_Const) {
            return None;
        }
        let first = &*first.cast::<pg_sys::Const>();
        let wanted = match first.consttype {
            pg_sys::TEXTOID => Wanted::Project(Text::from_datum(first.constvalue, first.constisnull)?),
            pg_sys::INT8OID => Wanted::Model(i64::from_datum(first.constvalue, first.constisnull)?),
            _ => return None,
        };
        (wanted, if is_batch { ROWS } else { 1.0 })
    };
    // SAFETY: asks whether there is one.
    if !unsafe { pg_sys::ActiveSnapshotSet() } {
        return None;
    }
    let estimate = ESTIMATES.with(|known| known.get(wanted, |wanted| Ok(Rc::new(estimate(wanted, edition)))));
    Some((*estimate.ok()?)? * rows)
}

/// None for whatever a prediction would fail with, and for a model that only Python reads.
fn estimate(wanted: Wanted<'_>, edition: Edition) -> Option<f64> {
    if !may_read() {
        return None;
    }
    let found = || -> Result<Option<models::Size>> {
        let model = match wanted {
            Wanted::Project(name) | Wanted::Decomposition(name) => deployments::current(&name.utf8())?,
            Wanted::Model(id) => deployments::specific(id)?,
        };
        models::size(edition, model.id)
    };
    let models::Size { algorithm, trees, bytes } = found().ok()??;
    Some(Known { algorithm: &algorithm, trees: trees.and_then(|trees| trees.parse().ok()), bytes }.operators())
}

/// Whether the caller may read all that the estimate comes from, so that no query for it is refused.
fn may_read() -> bool {
    // SAFETY: names that end with a NUL; none of these functions raises an ERROR about an object that it is given, and
    // what is not there has the number zero.
    unsafe {
        let user = pg_sys::GetUserId();
        let schema = pg_sys::get_namespace_oid(c"pgml".as_ptr(), true);
        if schema == pg_sys::InvalidOid || !may_use(schema, user) {
            return false;
        }
        TABLES.iter().all(|name| {
            let table = pg_sys::get_relname_relid(name.as_ptr(), schema);
            table != pg_sys::InvalidOid
                && pg_sys::pg_class_aclcheck(table, user, SELECT) == pg_sys::AclResult::ACLCHECK_OK
                // A policy is somebody's own expression, and with `row_security` off it is an ERROR.
                && pg_sys::check_enable_rls(table, pg_sys::InvalidOid, true) == pg_sys::CheckEnableRlsResult::RLS_NONE as i32
        })
    }
}

/// # Safety
///
/// To be called in the backend's one thread, with the number of a schema and of a role.
unsafe fn may_use(schema: pg_sys::Oid, user: pg_sys::Oid) -> bool {
    // SAFETY: the caller's.
    let answer = unsafe {
        #[cfg(any(feature = "pg13", feature = "pg14", feature = "pg15"))]
        let answer = pg_sys::pg_namespace_aclcheck(schema, user, USAGE);
        #[cfg(not(any(feature = "pg13", feature = "pg14", feature = "pg15")))]
        let answer = pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, schema, user, USAGE);
        answer
    };
    answer == pg_sys::AclResult::ACLCHECK_OK
}
