import RemoteCache
import StageKit

extension Summary {
  /// What was brought to a cache.
  public static func text(of pushed: CacheExchange.Pushed) -> String {
    var text = "\(Readable.count(pushed.pushed, "action")) pushed: "
    text += "\(Readable.count(pushed.objects, "object")) (\(Readable.size(pushed.bytes))) uploaded"
    if pushed.failed > 0 { text += "; \(pushed.failed) not pushed" }
    if pushed.missing > 0 { text += "; \(pushed.missing) not in the store" }
    return text + "\n"
  }

  /// What was brought from a cache.
  public static func text(of pulled: CacheExchange.Pulled) -> String {
    "\(pulled.cached) cached, \(pulled.fetched) fetched, \(pulled.missing) missing\n"
  }
}
