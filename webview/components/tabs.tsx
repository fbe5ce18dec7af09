/** The panes' tabs, a menu of them where there is no room for all, and what VS Code itself can show of this document. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t, type TextKey } from '../l10n/index.ts';
import { compareWithOriginal, openTextView } from '../state/actions.ts';
import { moveFocus } from '../lib/roving.ts';
import { checks, estimate, isSideShown, layers, model, patchView, viewState } from '../state/store.ts';
import { type Tab, tabs } from '../state/view-state.ts';
import { CheckButton } from './check-button.tsx';
import { Icon, IconButton } from './icon.tsx';
import { Popover } from './popover.tsx';

const titles: Readonly<Record<Tab, TextKey>> = {
  layers: 'tab.layers',
  timeline: 'tab.timeline',
  treemap: 'tab.treemap',
  graph: 'tab.graph',
  compare: 'tab.compare',
  checks: 'tab.checks',
  sensitivity: 'tab.sensitivity',
  overview: 'tab.overview',
};

/** A number on a tab; 0 shows none. */
const counts: Readonly<Partial<Record<Tab, () => number>>> = {
  layers: () => layers.value.length,
  compare: () => estimate.value?.edits.length ?? 0,
  checks: () => checks.value.length,
  overview: () => model.value?.diagnostics.length ?? 0,
};

export function Tabs() {
  const active = viewState.value.tab;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') moveFocus(event, '[role=tab]')?.click();
  };
  const list = useRef<HTMLDivElement>(null);
  const isCut = useIsCut(list);
  useEffect(() => {
    // only where it is out of sight: the page stays where it is
    document.getElementById(`tab-${active}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [active, isCut]);
  return (
    <div class="tab-bar">
      <div
        class={`tabs ${isCut ? 'cut' : ''}`}
        ref={list}
        role="tablist"
        aria-label={t('tabs.label')}
        onKeyDown={onKeyDown}
      >
        {tabs.map((tab) => (
          <TabButton key={tab} tab={tab} isActive={tab === active} />
        ))}
      </div>
      {isCut && <TabMenu active={active} />}
      <Actions />
    </div>
  );
}

/** Whether the tabs need more room than there is, with or without the menu beside them. */
function useIsCut(list: { readonly current: HTMLDivElement | null }): boolean {
  const [isCut, setCut] = useState(false);
  useLayoutEffect(() => {
    const tabList = list.current;
    const bar = tabList?.parentElement;
    const actions = bar?.querySelector('.tab-actions');
    if (tabList === null || !bar || !actions) return undefined;
    const measure = (): void => {
      const room = bar.clientWidth - actions.getBoundingClientRect().width;
      setCut(tabList.scrollWidth + barPadding > room);
    };
    const observer = new ResizeObserver(measure);
    // the tabs themselves grow with their numbers
    for (const element of [bar, actions, ...tabList.children]) observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return isCut;
}

/** Pixels at both ends of the bar. */
const barPadding = 12;

function TabMenu({ active }: { readonly active: Tab }) {
  return (
    <Popover label={t('tabs.all')} face={<Icon name="ellipsis" />} buttonClass="icon-button">
      {(close) => (
        <div role="menu" aria-label={t('tabs.all')}>
          {tabs.map((tab) => (
            <button
              key={tab}
              type="button"
              role="menuitemradio"
              aria-checked={tab === active}
              class="menu-item"
              onClick={() => {
                close();
                patchView({ tab });
              }}
            >
              <Icon name={tab === active ? 'check' : 'blank'} />
              <span>{t(titles[tab])}</span>
            </button>
          ))}
        </div>
      )}
    </Popover>
  );
}

function TabButton({ tab, isActive }: { readonly tab: Tab; readonly isActive: boolean }) {
  const count = counts[tab]?.() ?? 0;
  return (
    <button
      type="button"
      role="tab"
      id={`tab-${tab}`}
      aria-selected={isActive}
      aria-controls={isActive ? `pane-${tab}` : undefined}
      tabIndex={isActive ? 0 : -1}
      onClick={() => patchView({ tab })}
    >
      {t(titles[tab])}
      {count > 0 && <span class="badge">{count}</span>}
    </button>
  );
}

function Actions() {
  const hasEdits = (estimate.value?.edits.length ?? 0) > 0;
  const isOpen = isSideShown.value;
  return (
    <div class="tab-actions" role="toolbar" aria-label={t('actions.label')}>
      <IconButton icon="go-to-file" label={t('action.textView')} onClick={() => void openTextView()} />
      <IconButton
        icon="diff"
        label={hasEdits ? t('action.compare') : t('action.compare.none')}
        isDisabled={!hasEdits}
        onClick={() => void compareWithOriginal()}
      />
      <CheckButton />
      <IconButton
        icon={isOpen ? 'layout-sidebar-right' : 'layout-sidebar-right-off'}
        label={isOpen ? t('side.hide') : t('side.show')}
        isPressed={isOpen}
        onClick={() => patchView({ isSideOpen: !isOpen })}
      />
    </div>
  );
}
