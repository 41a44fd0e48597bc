//! What `template.yaml` comes to for the parameters in `tests/aws/parameters.json`: `tests/aws/template/expand.py` expands it and
//! resolves every function in it, this reads what the stories need. That the template itself is right is asserted there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// The template.
#[derive(Debug, Clone)]
pub struct Template(Value);

/// A function of the template.
#[derive(Debug, Clone)]
pub struct FunctionResource {
    /// Seconds that an invocation may take.
    pub timeout: u64,
    /// Megabytes.
    pub memory: u64,
    /// Its environment variables.
    pub variables: BTreeMap<String, String>,
    /// What its role allows: action and resource.
    pub allowed: BTreeSet<(String, String)>,
}

impl Template {
    /// Reads a resolved template.
    ///
    /// # Errors
    /// The file is not there, or no template.
    pub fn read(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("the resolved template {path}"))?;
        let document: Value = serde_json::from_str(&text).context("a template in JSON")?;
        ensure!(document["Resources"].is_object(), "{path} has no resources");
        Ok(Self(document))
    }

    /// The properties of the resources of a type, with their logical ids.
    pub fn resources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.0["Resources"].as_object().into_iter().flatten();
        all.filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    /// The function with this short name: its logical id is the name with a capital.
    ///
    /// # Errors
    /// There is none, or it lacks what a function has.
    pub fn function(&self, name: &str) -> Result<FunctionResource> {
        let mut functions = self.resources("AWS::Lambda::Function");
        let (id, properties) = functions
            .find(|(id, _)| id.eq_ignore_ascii_case(name))
            .with_context(|| format!("the template has no function {name}"))?;
        let variables = properties["Environment"]["Variables"].as_object().context("the variables")?;
        let role = properties["Role"].as_str().and_then(|arn| arn.rsplit_once('/')).context("the role")?.1;
        Ok(FunctionResource {
            timeout: properties["Timeout"].as_u64().with_context(|| format!("{id} has no timeout"))?,
            memory: properties["MemorySize"].as_u64().with_context(|| format!("{id} has no memory"))?,
            variables: variables.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            allowed: self.allowed(role)?,
        })
    }

    /// The queue of jobs and its dead-letter queue: their properties.
    ///
    /// # Errors
    /// There is not exactly one queue with a redrive policy, or its dead-letter queue lacks.
    pub fn queues(&self) -> Result<[Value; 2]> {
        let all: Vec<&Value> = self.resources("AWS::SQS::Queue").map(|(_, queue)| queue).collect();
        let mains: Vec<&&Value> = all.iter().filter(|queue| queue.get("RedrivePolicy").is_some()).collect();
        let [main] = mains.as_slice() else { bail!("{} queues with a redrive policy", mains.len()) };
        let target = text(&main["RedrivePolicy"]["deadLetterTargetArn"]);
        let name = target.rsplit(':').next().unwrap_or_default();
        let dead = all.iter().find(|queue| queue["QueueName"] == name).context("the dead-letter queue")?;
        Ok([(**main).clone(), (*dead).clone()])
    }

    /// What a role's statements allow, spread out.
    fn allowed(&self, role: &str) -> Result<BTreeSet<(String, String)>> {
        let (_, properties) = self
            .resources("AWS::IAM::Role")
            .find(|(id, properties)| *id == role || properties["RoleName"] == role)
            .with_context(|| format!("the template has no role {role}"))?;
        let mut allowed = BTreeSet::new();
        for policy in properties["Policies"].as_array().into_iter().flatten() {
            for statement in listed(&policy["PolicyDocument"]["Statement"]) {
                if statement["Effect"] != "Allow" {
                    continue;
                }
                for action in listed(&statement["Action"]) {
                    for resource in listed(&statement["Resource"]) {
                        allowed.insert((text(action), text(resource)));
                    }
                }
            }
        }
        Ok(allowed)
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// One thing or a list of them.
fn listed(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}
