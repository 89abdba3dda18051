//! What the gateway answered, as it is shown.

use std::collections::BTreeMap;

use protocol::{Code, GatewayView};

use crate::console::model::Model;

/// What the Gateway screen counts.
pub(crate) struct Answered {
    /// What was answered.
    pub(crate) kind: &'static str,
    pub(crate) code: String,
    /// Where and what the fault was, for a part of the answers of this code.
    pub(crate) fault: Option<String>,
    pub(crate) count: u64,
    /// Of all answers of its kind, in tenths of a percent.
    pub(crate) share: u64,
}

/// The codes of both kinds of answers; below 40005 what was wrong, the most frequent first.
pub(crate) fn answers(gateway: &GatewayView) -> Vec<Answered> {
    let mut rows = answers_to("charge", &gateway.charges, &gateway.invalid_charges);
    rows.extend(answers_to("query", &gateway.queries, &gateway.invalid_queries));
    rows
}

fn answers_to(
    kind: &'static str,
    codes: &BTreeMap<String, u64>,
    faults: &BTreeMap<String, u64>,
) -> Vec<Answered> {
    let shares = shares(&codes.values().copied().collect::<Vec<_>>());
    let row = |code: &String, fault: Option<&String>, count: u64, share: u64| Answered {
        kind,
        code: code.clone(),
        fault: fault.cloned(),
        count,
        share,
    };
    let mut faults: Vec<(&String, u64)> = faults.iter().map(|(fault, n)| (fault, *n)).collect();
    faults.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut rows = Vec::new();
    for ((code, count), share) in codes.iter().zip(shares) {
        rows.push(row(code, None, *count, share));
        if code == Code::InvalidInput.as_str() {
            rows.extend(faults.iter().map(|(fault, count)| row(code, Some(fault), *count, 0)));
        }
    }
    rows
}

/// The counts in tenths of a percent of their sum, so that they add up to 1,000: what is lost by
/// cutting goes to those that lost most of it.
fn shares(counts: &[u64]) -> Vec<u64> {
    let sum: u128 = counts.iter().map(|count| u128::from(*count)).sum();
    if sum == 0 {
        return vec![0; counts.len()];
    }
    let scaled = |count: &u64| u128::from(*count) * 1_000;
    let mut shares: Vec<u64> =
        counts.iter().map(|count| u64::try_from(scaled(count) / sum).unwrap_or(0)).collect();
    let left = 1_000_u64.saturating_sub(shares.iter().sum());
    let mut by_loss: Vec<usize> = (0..counts.len()).collect();
    by_loss.sort_by_key(|index| std::cmp::Reverse(scaled(&counts[*index]) % sum));
    for index in by_loss.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        shares[index] += 1;
    }
    shares
}

/// The keys of the Gateway screen's rows.
pub(crate) fn gateway_keys(model: &Model) -> Vec<String> {
    let gateway = model.shown().and_then(|snapshot| snapshot.gateway.as_ref());
    let rows = gateway.map(answers).unwrap_or_default();
    let key = |row: &Answered| {
        format!("{} {} {}", row.kind, row.code, row.fault.as_deref().unwrap_or_default())
    };
    rows.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(&[1, 1, 1]), [334, 333, 333]);
        assert_eq!(shares(&[0, 0]), [0, 0]);
        assert_eq!(shares(&[5, 0]), [1_000, 0]);
        for counts in [&[48_210, 310, 102_377, 12][..], &[1, 999_999_999], &[7, 7, 7, 7, 7, 7]] {
            assert_eq!(shares(counts).iter().sum::<u64>(), 1_000, "{counts:?}");
        }
        assert_eq!(shares(&[u64::MAX, u64::MAX]), [500, 500]);
    }
}
