//! The loads and their names.

use std::fmt;
use std::str::FromStr;

use crate::load::feed::{Keys, Mix};
use crate::load::generator::Plan;
use crate::load::request::{Shape, Verb};

/// Values of one load take no more than this together: 200 MB on each of two servers.
const VALUES_BYTES_MAX: u32 = 204_800_000;

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// Requests, timed.
    Traffic(Traffic),
    /// Resident memory.
    Probe(Probe),
}

/// Requests on random keys of 17 bytes, all of them present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Which commands.
    pub mix: Mix,
    /// Requests in a batch.
    pub pipeline: usize,
    /// How keys and values look.
    pub shape: Shape,
}

/// A question about resident memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// What a key with 64 bytes costs.
    Memory,
    /// What stays when each batch of keys is deleted after it was set.
    ChurnPairs,
    /// What stays when a million keys are set, then deleted, and again.
    ChurnWaves,
    /// What stays after FLUSHALL, and how soon it is given back.
    Flushall,
}

impl Probe {
    /// Every probe.
    pub const ALL: [Probe; 4] =
        [Probe::Memory, Probe::ChurnPairs, Probe::ChurnWaves, Probe::Flushall];
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Probe::Memory => "memory",
            Probe::ChurnPairs => "churn-pairs",
            Probe::ChurnWaves => "churn-waves",
            Probe::Flushall => "flushall",
        })
    }
}

impl Load {
    /// One name, or one that stands for several.
    pub fn parse_list(name: &str) -> Result<Vec<Load>, String> {
        match name {
            "all" => Ok(super::default_loads()),
            "churn" => Ok([Probe::ChurnPairs, Probe::ChurnWaves].map(Load::Probe).to_vec()),
            one => one.parse().map(|load| vec![load]),
        }
    }
}

impl FromStr for Load {
    type Err = String;

    fn from_str(name: &str) -> Result<Load, String> {
        if let Some(probe) = Probe::ALL.into_iter().find(|probe| probe.to_string() == name) {
            return Ok(Load::Probe(probe));
        }
        let unknown = || format!("no load is called {name}");
        let mut parts = name.split('-');
        let mix = match parts.next() {
            Some("get") => Mix::Only(Verb::Get),
            Some("set") => Mix::Only(Verb::Set),
            Some("mixed") => Mix::SetThenGets(10),
            _ => return Err(unknown()),
        };
        let pipeline = parts.next().and_then(|p| p.strip_prefix('p')).ok_or_else(unknown)?;
        let pipeline = pipeline.parse().map_err(|_| unknown())?;
        if !(1..=10_000).contains(&pipeline) {
            return Err("a pipeline is 1 to 10000 requests deep".into());
        }
        let value_bytes = match parts.next() {
            None => 64,
            Some("1k") => 1024,
            Some("100k") => 100 * 1024,
            Some(_) => return Err(unknown()),
        };
        match parts.next() {
            None => {
                let shape = Shape::with_values_of(value_bytes);
                Ok(Load::Traffic(Traffic { mix, pipeline, shape }))
            }
            Some(_) => Err(unknown()),
        }
    }
}

impl Traffic {
    /// How many keys, when at most `most` are wanted.
    pub fn keys(&self, most: u32) -> u32 {
        most.min(VALUES_BYTES_MAX / self.shape.value_bytes as u32)
    }

    /// The plan of a turn.
    pub fn plan(&self, keys: u32, connections: u16, seed: u64) -> Plan {
        Plan {
            shape: self.shape,
            mix: self.mix,
            keys: Keys::Random { below: keys, seed },
            pipeline: self.pipeline,
            connections: connections.into(),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mix = match self.mix {
            Mix::Only(Verb::Get) => "get",
            Mix::Only(_) => "set",
            Mix::SetThenGets(_) | Mix::SetThenDel => "mixed",
        };
        write!(f, "{mix}-p{}", self.pipeline)?;
        match self.shape.value_bytes {
            64 => Ok(()),
            bytes => write!(f, "-{}k", bytes / 1024),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_load_reads_back_from_its_name() {
        let loads = super::super::default_loads();
        assert_eq!(loads.len(), 16);
        for load in loads {
            let name = match &load {
                Load::Traffic(traffic) => traffic.to_string(),
                Load::Probe(probe) => probe.to_string(),
            };
            assert_eq!(name.parse(), Ok(load));
        }
    }

    #[test]
    fn a_misspelt_load_is_refused() {
        for name in ["", "get", "get-16", "get-p0", "del-p1", "get-p1-2k", "get-p1-1k-x"] {
            assert!(Load::parse_list(name).is_err(), "{name}");
        }
    }

    #[test]
    fn large_values_have_fewer_keys() {
        let keys = |name: &str| match name.parse() {
            Ok(Load::Traffic(traffic)) => traffic.keys(1_000_000),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            [keys("get-p1"), keys("get-p1-1k"), keys("get-p1-100k")],
            [1_000_000, 200_000, 2_000]
        );
    }
}
