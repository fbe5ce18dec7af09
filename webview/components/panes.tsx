/** The chosen pane, and beside it the side panel with a sash between. */
import type { ComponentChildren, FunctionComponent } from 'preact';
import { t } from '../l10n/index.ts';
import { ChecksPane } from '../panes/checks/checks-pane.tsx';
import { ComparePane } from '../panes/compare/compare-pane.tsx';
import { GraphPane } from '../panes/graph/graph-pane.tsx';
import { LayersPane } from '../panes/layers/layers-pane.tsx';
import { OverviewPane } from '../panes/overview/overview-pane.tsx';
import { SensitivityPane } from '../panes/sensitivity/sensitivity-pane.tsx';
import { TimelinePane } from '../panes/timeline/timeline-pane.tsx';
import { TreemapPane } from '../panes/treemap/treemap-pane.tsx';
import { SidePanel } from '../side/side-panel.tsx';
import { isEarly, isSideShown, patchView, viewState } from '../state/store.ts';
import { clampSideWidth, sideWidthRange, type Tab } from '../state/view-state.ts';

const panes: Readonly<Record<Tab, FunctionComponent>> = {
  layers: LayersPane,
  timeline: TimelinePane,
  treemap: TreemapPane,
  graph: GraphPane,
  compare: ComparePane,
  checks: ChecksPane,
  sensitivity: SensitivityPane,
  overview: OverviewPane,
};

export function Panes() {
  const { tab, sideWidth } = viewState.value;
  const Pane = panes[tab];
  return (
    <div class="panes" style={{ '--side-width': `${sideWidth}px` }}>
      <main class="pane">
        <div
          class={`pane-content pane-${tab}`}
          id={`pane-${tab}`}
          role="tabpanel"
          aria-labelledby={`tab-${tab}`}
        >
          {isEarly.value && tab !== 'layers' ? <p class="empty">{t('working')}</p> : <Pane />}
        </div>
      </main>
      {isSideShown.value && (
        <Side>
          <SidePanel />
        </Side>
      )}
    </div>
  );
}

function Side({ children }: { readonly children: ComponentChildren }) {
  const { sideWidth } = viewState.value;
  const set = (width: number): void => patchView({ sideWidth: clampSideWidth(width) });
  return (
    <>
      <div
        class="sash"
        role="separator"
        tabIndex={0}
        aria-orientation="vertical"
        aria-label={t('side.resize')}
        aria-valuenow={sideWidth}
        aria-valuemin={sideWidthRange.min}
        aria-valuemax={sideWidthRange.max}
        onKeyDown={(e) => {
          const step = { ArrowLeft: 16, ArrowRight: -16 }[e.key];
          if (step !== undefined) set(sideWidth + step);
        }}
        onPointerDown={(event) => {
          const handle = event.currentTarget;
          event.preventDefault();
          handle.setPointerCapture(event.pointerId);
          const start = sideWidth + event.clientX;
          const onMove = (e: PointerEvent): void => set(start - e.clientX);
          handle.addEventListener('pointermove', onMove);
          handle.addEventListener(
            'lostpointercapture',
            () => handle.removeEventListener('pointermove', onMove),
            { once: true },
          );
        }}
      />
      <aside class="side" aria-label={t('side.label')}>
        {children}
      </aside>
    </>
  );
}
