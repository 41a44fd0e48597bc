//! Pages of lists: cursors that callers pass back as they came, and the JSON of a page.

use std::borrow::Cow;

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kinlink_web::{Parameters, Problem};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, Ref, RefOr, Required, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{SchemaType, Type},
    },
};

/// Items of a page unless the caller says otherwise.
const DEFAULT: u32 = 25;
/// Most items of a page.
const MOST: u32 = 100;

/// A page as JSON.
#[derive(Serialize)]
pub(crate) struct Page<T> {
    /// The items.
    items: Vec<T>,
    /// `cursor` for the next page; none at the end.
    next: Option<String>,
}

impl<T: Serialize> Page<T> {
    pub(crate) fn new(items: Vec<T>, next: Option<&impl Serialize>) -> Self {
        Self { items, next: next.map(encode) }
    }
}

/// A list that is not paged, as JSON.
#[derive(Serialize)]
pub(crate) struct Items<T> {
    /// The items.
    pub(crate) items: Vec<T>,
}

// The derive would write the schema of the items out in each list, instead of naming it.
impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let next = SchemaType::from_iter([Type::String, Type::Null]);
        let next =
            ObjectBuilder::new().schema_type(next).description(Some("`cursor` for the next page; none at the end."));
        list::<T>().property("next", next).required("next").into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Items<T> {
    fn schema() -> RefOr<Schema> {
        list::<T>().into()
    }
}

impl<T: ToSchema> ToSchema for Items<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Page::<T>::schemas(schemas);
    }
}

fn list<T: ToSchema>() -> ObjectBuilder {
    let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name())).description(Some("The items."));
    ObjectBuilder::new().property("items", items).required("items")
}

/// The parameters of a page in descriptions.
pub(crate) struct Paging;

impl IntoParams for Paging {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let cursor = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_-]*$"));
        let meaning = "`next` of the page before, as it came and with the same sort.";
        let mut parameters = vec![parameter("cursor", meaning, cursor)];
        parameters.extend(Limit::into_params(place));
        parameters
    }
}

/// The parameter `limit` in descriptions.
pub(crate) struct Limit;

impl IntoParams for Limit {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).default(Some(DEFAULT.into()));
        vec![parameter("limit", "How many items at most.", number.minimum(Some(1)).maximum(Some(MOST)))]
    }
}

/// The parameter `q` in descriptions.
pub(crate) struct Search;

impl IntoParams for Search {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(PRINTABLE));
        vec![parameter("q", "Only those that contain every word.", text)]
    }
}

/// Texts without control characters.
const PRINTABLE: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";

fn parameter(name: &str, meaning: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(meaning))
        .schema(Some(schema))
        .build()
}

/// The parameter `limit`.
pub(crate) fn limit(query: &mut Parameters) -> u32 {
    query.limit(DEFAULT, MOST)
}

/// The parameter `cursor`, as text.
pub(crate) fn cursor(query: &mut Parameters) -> Option<String> {
    query.text("cursor")
}

/// A cursor as callers see it: base64url of JSON.
fn encode(cursor: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

/// The cursor that a caller passed back, if it is one that `fits` the list.
pub(crate) fn decode<C: DeserializeOwned>(
    text: Option<String>,
    fits: impl Fn(&C) -> bool,
) -> Result<Option<C>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let read = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    read().filter(fits).map(Some).ok_or_else(|| {
        let detail = "use `next` of the page before as it came, with the same sort, or leave cursor out";
        Problem::new(StatusCode::BAD_REQUEST, "bad_cursor", "The cursor cannot be read", detail)
    })
}

/// Whether a text that a cursor holds may go into a statement.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
