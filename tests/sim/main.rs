//! Whole clusters from seeds.

#[cfg(feature = "mutants")]
mod mutants;

use kinring_tests::sim::{Plan, run};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|s| s.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn one() {
    let (seed, count) = (number("SIM_SEED", 1), number("SIM_SEEDS", 1));
    let watch = number("SIM_FROM", 0)..number("SIM_TO", 0);
    for seed in seed..seed + count {
        let mode = std::env::var("SIM_MODE").ok().map(|_| kinring_tests::checker::Mode::Available);
        let plan = Plan::with_mode(seed, mode);
        let begun = std::time::Instant::now();
        let run = run(&plan, watch.clone());
        eprintln!(
            "seed {seed}: {} nodes {:?} {:?} R={} calls {:?} rest {} s, {:?} {:?} {:.2?}",
            plan.nodes,
            plan.mode,
            plan.durability,
            plan.layout.factor().number(),
            run.calls,
            run.rest_us / 1_000_000,
            run.troubles,
            run.faults,
            begun.elapsed()
        );
        if !run.is_clean() {
            for line in &run.trace {
                eprintln!("{line}");
            }
            eprintln!("FAILED seed {seed}: {:?}\n{}", run.wrong, run.report);
        }
    }
}
