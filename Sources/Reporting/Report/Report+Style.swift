extension Report {
  package static let style = """
    :root { --ink: #1c2430; --soft: #667085; --line: #e3e7ee; --paper: #fff; --wash: #f6f8fb; --good: #12805c;
      --bad: #c2293a; --ran: #f0a92e; --cached: #6aa9e9 }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a2b3; --line: #303947; --paper: #161b22;
      --wash: #1e2530; --good: #4cc79a; --bad: #ff7b86 } }
    * { box-sizing: border-box }
    body { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; background: var(--paper); color: var(--ink);
      font: 15px/1.55 system-ui, sans-serif }
    h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.02em }
    h2 { font-size: 1.2rem; margin: 2.8rem 0 .9rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line) }
    h3 { font-size: .95rem; margin: 1.4rem 0 .5rem }
    .facts { color: var(--soft); margin-top: .2rem }
    figure { margin: 0 0 1.6rem }
    figure img { max-width: 100%; border-radius: 4px; margin: 0 6px 6px 0; vertical-align: top }
    figure.figure img { width: auto; image-rendering: auto }
    figure.figure img, .plot > svg { display: block; max-width: 100%; height: auto; border-radius: 4px }
    .item { display: inline-block; margin: 0 10px 10px 0; vertical-align: top; text-align: center; max-width: 100% }
    .item img { margin: 0 }
    .item figcaption { margin-top: .1rem; font-size: .78rem; max-width: 9rem; overflow-wrap: anywhere }
    td .item { max-width: none }
    td .item figcaption { white-space: normal }
    .zoom input { position: absolute; opacity: 0 }
    .zoom img { cursor: zoom-in }
    .zoom input:focus-visible + img { outline: 3px solid var(--cached); outline-offset: 2px }
    .zoom input:checked + img { position: fixed; inset: 0; width: 100vw; height: 100vh; max-width: none; margin: 0;
      object-fit: contain; background: rgb(0 0 0 / .88); z-index: 2; cursor: zoom-out; border-radius: 0 }
    .images .zoom input:checked + img, td .zoom input:checked + img { image-rendering: pixelated }
    figcaption { color: var(--soft); font-size: .87rem; margin-top: .3rem }
    .scroll { overflow-x: auto }
    table { border-collapse: collapse; margin: .3rem 0 1rem; font-variant-numeric: tabular-nums }
    th, td { text-align: left; padding: .32rem 1.1rem .32rem 0; border-bottom: 1px solid var(--line);
      white-space: nowrap }
    th { font-weight: 600; color: var(--soft); font-size: .85rem }
    .number { text-align: right }
    .digest { font: 12px/1.5 ui-monospace, monospace }
    .held, .failed { font-weight: 600 }
    .held { color: var(--good) }
    .failed { color: var(--bad) }
    pre { background: var(--wash); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.1rem;
      overflow-x: auto; font: 13px/1.5 ui-monospace, monospace }
    pre.error { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 16rem; margin: .2rem 0 }
    code { font: 13px ui-monospace, monospace }
    .graph text { font: 12px system-ui, sans-serif; fill: var(--soft) }
    .edge { fill: none; stroke: var(--soft); stroke-opacity: .55; stroke-width: 1.3 }
    .node rect { fill: var(--wash); stroke-width: 1.6 }
    .node.cached rect { stroke: var(--cached) }
    .node.ran rect { stroke: var(--ran) }
    .node.failed rect { stroke: var(--bad) }
    .node.missing rect { stroke: var(--soft); stroke-dasharray: 4 }
    @media (max-width: 36rem) { body { padding: 1.4rem .9rem 3rem } h1 { font-size: 1.5rem; overflow-wrap: anywhere }
      pre { padding: .7rem; font-size: 12px } th, td { padding-right: .7rem } }
    .node .name { font-weight: 600; fill: var(--ink); font-size: 13px }
    """
}
