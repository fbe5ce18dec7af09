/** The page's start: reads what the host wrote into it, connects, draws, asks for the model. */
import '@vscode/codicons/dist/codicon.css';
import 'uplot/dist/uPlot.min.css';
import './styles/index.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import type { HostApi, Locale, PageInit, WebviewApi } from '../src/protocol.ts';
import { createPeer } from '../src/rpc.ts';
import { App } from './components/app.tsx';
import { setLocale } from './l10n/index.ts';
import { page } from './page.ts';
import { vscodePort } from './port.ts';
import { open } from './state/actions.ts';
import { complain, connect, host } from './state/host.ts';
import { listenForKeys } from './page-keys.ts';
import { isWide, theme, viewState } from './state/store.ts';
import { parseViewState } from './state/view-state.ts';

const saveAfterMs = 300;

function start(): void {
  const init = readInit(document.body.dataset['init']);
  setLocale(init.locale);
  viewState.value = parseViewState(init.viewState);
  connect(createPeer<WebviewApi, HostApi>(vscodePort(), page, { announce: true }).remote);
  rememberViewState();
  watchTheme();
  watchWidth();
  listenForKeys();
  const root = document.createElement('div');
  root.id = 'root';
  document.body.append(root);
  render(<App />, root);
  void open();
}

/** The host wrote it, but an older one may have written less. */
function readInit(json: string | undefined): PageInit {
  const value: unknown = JSON.parse(json ?? '{}');
  const init: { readonly locale?: unknown; readonly viewState?: unknown } =
    typeof value === 'object' && value !== null ? value : {};
  const locale: Locale = init.locale === 'zh-cn' ? 'zh-cn' : 'en';
  const saved = init.viewState;
  return { locale, viewState: typeof saved === 'object' && saved !== null ? { ...saved } : {} };
}

function rememberViewState(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFirst = true;
  effect(() => {
    const state = viewState.value;
    if (isFirst) {
      isFirst = false;
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(() => {
      host()
        .saveViewState({ ...state })
        .catch((error: unknown) => complain('failed.viewState', error));
    }, saveAfterMs);
  });
}

/** VS Code changes classes of the body and variables of the root with the theme. */
function watchTheme(): void {
  const observer = new MutationObserver(() => {
    theme.value++;
  });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
}

/** Below it the table needs all the room. */
const roomForDetails = '(min-width: 1000px)';

function watchWidth(): void {
  const query = window.matchMedia(roomForDetails);
  const update = (): void => {
    isWide.value = query.matches;
  };
  query.addEventListener('change', update);
  update();
}

start();
