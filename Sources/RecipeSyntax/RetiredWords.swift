/// What the words of earlier recipes are called now. For the release after the one that renamed them.
enum RetiredWords {
  private struct Successor {
    let word: String
    /// The candidate that tells that this is the place where the word stood.
    let witness: String

    init(_ word: String, at witness: String? = nil) {
      self.word = word
      self.witness = witness ?? word
    }
  }

  private static let successors: [String: [Successor]] = {
    let words = [
      "lessons": "train_images", "renoising.yaml": "sdedit.yaml", "tuning.yaml": "finetuning.yaml",
      "judge.yaml": "classifier.yaml", "worlds": "domains", "world": "domain", "known": "in_domain", "passes": "epochs",
      "rate_factor": "lr_gamma", "rate_every": "lr_step_size", "loss": "clip_loss", "form": "clip_loss_form",
      "adapted": "lora_targets", "rank": "lora_rank", "alpha": "lora_alpha", "memory": "activation_memory_mb",
      "save_every": "checkpoint_every_s", "coupled": "belm", "effort": "stats", "batch": "batch_size",
      "average": "ema_decay", "warmup": "warmup_steps", "together": "group_size", "robustness": "adversarial_epsilon",
      "words_weight": "caption_loss_weight", "contrasts": "counterfactuals", "judge_score": "attribute_probability",
      "judge_kept": "attributes_preserved", "judge_all_kept": "all_attributes_preserved", "among": "population",
      "least_rise": "min_step", "least_lead": "min_margin", "greatest_lead": "max_margin", "normalise": "normalize",
      "hair_colour": "hair_color", "eye_colour": "eye_color", "watercolour": "watercolor",
    ].mapValues { [Successor($0)] }
    let severalPlaces = [
      "judge": [Successor("classifier"), Successor("attribute_accuracy")],
      "full": [Successor("none"), Successor("model")],
      "efficient": [Successor("gradient: per_step", at: "latent")],
      "efficient_official": [Successor("gradient: per_step_official", at: "latent")],
      "method": [Successor("gradient")],
    ]
    return words.merging(severalPlaces) { $1 }
  }()

  /// What a word is called now, where one of these names may stand: part by part, of one with points in it.
  static func successor(of name: String, among candidates: some Sequence<String>) -> String? {
    if let found = successors[name] {
      return found.first { candidates.contains($0.witness) }?.word
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count > 1 else { return nil }
    let renamed = parts.map { part in
      // Of a name with points, the first part is a measure.
      part == "judge" ? "attribute_accuracy" : successors[part]?.first?.word ?? part
    }.joined(separator: ".")
    return renamed != name && candidates.contains(renamed) ? renamed : nil
  }
}
