//! Contributions to sums of trees.
//!
//! The way to a leaf asks for features, each once or several times; what it asks one feature counts together. A feature that is
//! known lets the row through (1) or not (0); one that is not known lets through the share of the rows that went there in training,
//! `z`. With `o` for 1 or 0, a leaf of the value `v` gives feature i
//!
//! ```text
//! v (o_i - z_i) ∫ Π over the other features j of the way (o_j t + z_j (1 - t)) dt     from 0 to 1
//! ```
//!
//! which is Shapley's mean over all orders ([`super::quadrature`]). The product is carried down the tree at each point t, and what
//! leaves give is added up on the way back, so that each node is visited once, and a visit takes as many steps as there are
//! points: half as many as the features of the longest way. All factors are positive and none is larger than 1, so that nothing
//! is lost where a feature's own factor is taken out again by a division.

use super::super::AskPython;
use super::super::forest::{Combine, Compare, Forest, LEAF};
use super::super::sets::NO_SET;
use super::quadrature::{LANES, Lanes, Rule};
use super::{Contributions, NotExplained};

/// Features of one way that are more than any training makes; a file may say anything.
const MOST_FEATURES: usize = 4096;

/// Nodes after which an interrupt is looked for.
const UNINTERRUPTED: usize = 1 << 16;

/// A node in the order of the way through a tree: a node, all that is below it to the left, all that is below it to the right.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// What the node compares with; of a leaf, the share of the rows that came to it.
    threshold: f64,
    /// The share of the rows that the questions about the last feature, from the root to here, let through when it is not known.
    share: f64,
    /// The part of that share that the last question has.
    last_share: f64,
    /// The feature that the node asks for; [`LEAF`].
    feature: u32,
    /// The steps from the root.
    level: u32,
    /// The level behind the question before the last that asked for the last one's feature; 0 if there is none.
    before: u32,
    /// Of a leaf, what [`Forest`] has there; of a split, its set of categories, if it has one.
    leaf: u32,
    /// Whether it is its parent's child to the right.
    is_right: bool,
    missing_left: bool,
}

/// One tree.
#[derive(Debug)]
struct Tree {
    steps: std::ops::Range<usize>,
    /// Which of the rules its ways need.
    rule: usize,
    depth: usize,
}

/// A forest as it is walked through.
#[derive(Debug)]
pub struct Explained {
    steps: Vec<Step>,
    trees: Vec<Tree>,
    /// A rule of each number of [`Lanes`] that a tree needs.
    rules: Vec<Rule>,
}

impl Explained {
    pub fn new(forest: &Forest, features: usize, interrupt: &dyn Fn()) -> Result<Explained, NotExplained> {
        if matches!(forest.combine, Combine::Median { .. }) {
            return Err(NotExplained::Kind("a median of trees"));
        }
        let covers = forest.covers.as_deref().ok_or(NotExplained::Old("the rows that came to each node"))?;
        let mut planner = Planner::new(forest, covers, features);
        let mut trees = Vec::with_capacity(forest.roots.len());
        let mut rules: Vec<Rule> = Vec::new();
        for root in &forest.roots {
            interrupt();
            let start = planner.steps.len();
            let (depth, asked) = planner.plan(*root);
            if asked > MOST_FEATURES {
                return Err(NotExplained::Deep);
            }
            let blocks = Rule::blocks_for(asked);
            let rule = rules.iter().position(|rule| rule.blocks() == blocks).unwrap_or_else(|| {
                rules.push(Rule::new(asked));
                rules.len() - 1
            });
            trees.push(Tree { steps: start..planner.steps.len(), rule, depth });
        }
        Ok(Explained { steps: planner.steps, trees, rules })
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&self.steps[..])
    }

    /// The contributions to one score of a row, by the forest that this was made of.
    pub fn explain(
        &self,
        forest: &Forest,
        row: &[f64],
        score: usize,
        interrupt: &dyn Fn(),
    ) -> Result<Contributions, AskPython> {
        let mut seen = Vec::with_capacity(row.len());
        forest.see(row, &mut seen)?;
        let mut walk = Walk::new(&seen);
        let mut visited = 0;
        for (place, tree) in self.trees.iter().enumerate() {
            if forest.targets.as_ref().is_some_and(|targets| targets[place] as usize != score) {
                continue;
            }
            visited += tree.steps.len();
            if visited > UNINTERRUPTED {
                interrupt();
                visited = 0;
            }
            let (steps, rule) = (&self.steps[tree.steps.clone()], &self.rules[tree.rule]);
            let value = |leaf: u32| forest.value(leaf, score);
            let depth = tree.depth;
            match (forest.compare, &forest.sets) {
                (Compare::Below, None) => walk.tree(steps, depth, rule, |value, step| value >= step.threshold, value),
                (Compare::NotAbove, None) => walk.tree(steps, depth, rule, |value, step| value > step.threshold, value),
                (compare, Some(sets)) => {
                    let right = |of_row: f64, step: &Step| match step.leaf {
                        NO_SET => compare.is_right(of_row, step.threshold),
                        // No set has a NaN.
                        set => !of_row.is_nan() & !sets.has(set, of_row, forest.input),
                    };
                    walk.tree(steps, depth, rule, right, value);
                }
            }
        }
        let (init, divisor) = match &forest.combine {
            Combine::Sum { init, divisor, .. } => (init[score], divisor.unwrap_or(1.0)),
            // `new` takes no other.
            Combine::Median { .. } => (0.0, 1.0),
        };
        let sum = |lanes: &Lanes| lanes.iter().sum::<f64>() / divisor;
        Ok(Contributions { base: (init + walk.base) / divisor, of_features: walk.sums.iter().map(sum).collect() })
    }
}

/// A question of the way that is planned.
struct Asked {
    feature: u32,
    before: u32,
    share: f64,
}

/// A node that waits to be planned.
struct Waiting {
    node: u32,
    level: u32,
    /// The feature that its parent asks for.
    asked: u32,
    is_right: bool,
    /// The share of the parent's rows that came here, and that of the tree's.
    last_share: f64,
    weight: f64,
}

/// Puts the nodes of trees in the order of the way.
struct Planner<'a> {
    forest: &'a Forest,
    covers: &'a [f64],
    /// Of each feature, the level behind the last question for it; 0 if there is none.
    levels: Vec<u32>,
    path: Vec<Asked>,
    /// The features that the path asks for.
    features: usize,
    steps: Vec<Step>,
}

impl Planner<'_> {
    fn new<'a>(forest: &'a Forest, covers: &'a [f64], features: usize) -> Planner<'a> {
        let steps = Vec::with_capacity(forest.nodes.len());
        Planner { forest, covers, levels: vec![0; features], path: Vec::new(), features: 0, steps }
    }

    /// Add the steps of a tree; returns its depth, and the features of the way that asks for most of them.
    fn plan(&mut self, root: u32) -> (usize, usize) {
        let (mut depth, mut most) = (0, 0);
        let root = Waiting { node: root, level: 0, asked: 0, is_right: false, last_share: 1.0, weight: 1.0 };
        let mut waiting = vec![root];
        while let Some(next) = waiting.pop() {
            self.go_back_to(next.level.saturating_sub(1) as usize);
            let (share, before) = if next.level > 0 { self.ask(&next) } else { (1.0, 0) };
            (depth, most) = (depth.max(next.level as usize), most.max(self.features));
            let node = self.forest.nodes[next.node as usize];
            let is_leaf = node.feature == LEAF;
            let sets = self.forest.sets.as_ref();
            let set = |node| sets.and_then(|sets| sets.of_node(node)).unwrap_or(NO_SET);
            self.steps.push(Step {
                threshold: if is_leaf { next.weight } else { node.threshold },
                share,
                last_share: next.last_share,
                feature: node.feature,
                level: next.level,
                before,
                leaf: if is_leaf { node.left } else { set(next.node) },
                is_right: next.is_right,
                missing_left: node.missing_left.is_set(),
            });
            if !is_leaf {
                let cover = |child: u32| self.covers[child as usize];
                let both = cover(node.left) + cover(node.right);
                for (child, is_right) in [(node.right, true), (node.left, false)] {
                    // Where no row came, none says which way.
                    let last_share = if both > 0.0 { cover(child) / both } else { 0.5 };
                    let weight = next.weight * last_share;
                    let level = next.level + 1;
                    waiting.push(Waiting { node: child, level, asked: node.feature, is_right, last_share, weight });
                }
            }
        }
        self.go_back_to(0);
        (depth, most)
    }

    /// Forget the questions behind a level.
    fn go_back_to(&mut self, level: usize) {
        for asked in self.path.drain(level.min(self.path.len())..).rev() {
            self.levels[asked.feature as usize] = asked.before;
            self.features -= usize::from(asked.before == 0);
        }
    }

    /// Add the question that leads to a node; returns what all questions for its feature let through, and where the last one was.
    fn ask(&mut self, next: &Waiting) -> (f64, u32) {
        let level = &mut self.levels[next.asked as usize];
        let before = std::mem::replace(level, next.level);
        let share = match before {
            0 => next.last_share,
            level => self.path[level as usize - 1].share * next.last_share,
        };
        self.features += usize::from(before == 0);
        self.path.push(Asked { feature: next.asked, before, share });
        (share, before)
    }
}

/// A node of the way that is gone.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// The feature that the node asks for, and whether the row goes to the right.
    feature: u32,
    goes_right: bool,
    /// Whether the row is let through by all questions for its parent's feature, and by all but the last.
    is_on: bool,
    was_on: bool,
    /// As [`Step`] has them.
    share: f64,
    before: u32,
}

/// What nothing was asked before: it lets everything through, known or not.
const NOTHING: Level = Level { feature: LEAF, goes_right: false, is_on: true, was_on: true, share: 1.0, before: 0 };

/// A row on its way through trees.
struct Walk<'a> {
    row: &'a [f64],
    /// Of each feature, at [`LANES`] points each, to be added up at the end.
    sums: Vec<Lanes>,
    base: f64,
    levels: Vec<Level>,
    /// At each level and point: the product of all factors, what the leaves below give, and 1 / the factor of the last feature.
    products: Vec<Lanes>,
    given: Vec<Lanes>,
    inverses: Vec<Lanes>,
}

impl Walk<'_> {
    fn new(row: &[f64]) -> Walk<'_> {
        let sums = vec![[0.0; LANES]; row.len()];
        let (products, given, inverses) = (Vec::new(), Vec::new(), Vec::new());
        Walk { row, sums, base: 0.0, levels: Vec::new(), products, given, inverses }
    }

    /// Go all ways through one tree.
    fn tree(
        &mut self,
        steps: &[Step],
        depth: usize,
        rule: &Rule,
        right: impl Fn(f64, &Step) -> bool,
        value: impl Fn(u32) -> f64,
    ) {
        self.begin(depth, rule);
        let mut open = 0;
        for step in steps {
            let level = step.level as usize;
            while open > level {
                open -= 1;
                self.leave(open, rule);
            }
            self.enter(step, rule);
            open = level + 1;
            if step.feature == LEAF {
                let value = value(step.leaf);
                self.base += step.threshold * value;
                self.give(level, rule.blocks(), value);
            } else {
                let of_row = self.row[step.feature as usize];
                let goes = right(of_row, step) | (of_row.is_nan() & !step.missing_left);
                (self.levels[level].feature, self.levels[level].goes_right) = (step.feature, goes);
            }
        }
        while open > 0 {
            open -= 1;
            self.leave(open, rule);
        }
    }

    /// Make room for a tree.
    fn begin(&mut self, depth: usize, rule: &Rule) {
        let count = (depth + 1) * rule.blocks();
        if self.levels.len() <= depth {
            self.levels.resize(depth + 1, NOTHING);
        }
        for lanes in [&mut self.products, &mut self.given, &mut self.inverses] {
            if lanes.len() < count {
                lanes.resize(count, [0.0; LANES]);
            }
        }
        self.levels[0] = NOTHING;
        self.products[..rule.blocks()].copy_from_slice(&rule.weights);
        self.inverses[..rule.blocks()].fill([1.0; LANES]);
        self.given[..rule.blocks()].fill([0.0; LANES]);
    }

    /// Answer the question that leads to a node.
    fn enter(&mut self, step: &Step, rule: &Rule) {
        let (level, blocks) = (step.level as usize, rule.blocks());
        if level == 0 {
            return;
        }
        let Step { share, before, .. } = *step;
        let was_on = self.levels[before as usize].is_on;
        let is_on = was_on & (self.levels[level - 1].goes_right == step.is_right);
        self.levels[level] = Level { share, before, was_on, is_on, ..NOTHING };
        let (parents, own) = self.products.split_at_mut(level * blocks);
        let (parents, own) = (&parents[(level - 1) * blocks..], &mut own[..blocks]);
        self.given[level * blocks..][..blocks].fill([0.0; LANES]);
        if !was_on {
            for (own, parent) in own.iter_mut().zip(parents) {
                *own = parent.map(|product| product * step.last_share);
            }
            return;
        }
        let (others, inverse) = self.inverses.split_at_mut(level * blocks);
        let (others, inverse) = (&others[before as usize * blocks..][..blocks], &mut inverse[..blocks]);
        if is_on {
            for block in 0..blocks {
                for lane in 0..LANES {
                    let factor = rule.at[block][lane] + share * rule.from_end[block][lane];
                    inverse[block][lane] = 1.0 / factor;
                    own[block][lane] = parents[block][lane] * factor * others[block][lane];
                }
            }
        } else {
            for block in 0..blocks {
                for lane in 0..LANES {
                    let factor = share * rule.from_end[block][lane];
                    own[block][lane] = parents[block][lane] * factor * others[block][lane];
                }
            }
        }
    }

    /// A leaf gives its value, as far as its way is gone.
    fn give(&mut self, level: usize, blocks: usize, value: f64) {
        let range = level * blocks..(level + 1) * blocks;
        for (given, product) in self.given[range.clone()].iter_mut().zip(&self.products[range]) {
            *given = product.map(|product| product * value);
        }
    }

    /// Add up what the leaves below a node give to the feature that its parent asks for.
    ///
    /// Each question for a feature adds what it says together with those before it, less what those before it say alone, so that
    /// in the end the last question's word counts.
    fn leave(&mut self, level: usize, rule: &Rule) {
        let Some(parent) = level.checked_sub(1) else { return };
        let blocks = rule.blocks();
        let Level { is_on, was_on, share, before, .. } = self.levels[level];
        let (above, own) = self.given.split_at_mut(level * blocks);
        let (above, own) = (&mut above[parent * blocks..], &own[..blocks]);
        for (above, own) in above.iter_mut().zip(own) {
            for lane in 0..LANES {
                above[lane] += own[lane];
            }
        }
        if !was_on {
            // Both say (0 - z) / (z (1 - t)).
            return;
        }
        let before = before as usize;
        let unknown = 1.0 - self.levels[before].share;
        let sum = &mut self.sums[self.levels[parent].feature as usize];
        let others = &self.inverses[before * blocks..][..blocks];
        let inverse = &self.inverses[level * blocks..][..blocks];
        for block in 0..blocks {
            for lane in 0..LANES {
                let known = match is_on {
                    true => (1.0 - share) * inverse[block][lane],
                    false => -rule.inverse[block][lane],
                };
                sum[lane] += own[block][lane] * (known - unknown * others[block][lane]);
            }
        }
    }
}
