/** The page: what is shown while nothing is there yet, what where the file is broken, and the editor itself. */
import { t } from '../l10n/index.ts';
import { estimate, opened } from '../state/store.ts';
import { EditDialog } from '../dialogs/edit-dialog.tsx';
import { ErrorPage } from './error-page.tsx';
import { Notices } from './notices.tsx';
import { Panes } from './panes.tsx';
import { Summary } from './summary/summary.tsx';
import { Tabs } from './tabs.tsx';
import { TopBar } from './topbar/top-bar.tsx';

export function App() {
  return (
    <>
      <Content />
      <Notices />
    </>
  );
}

function Content() {
  const state = opened.value;
  if (state.kind === 'loading') return <Loading />;
  if (state.kind === 'error') return <ErrorPage view={state.view} />;
  if (state.kind === 'failed' || estimate.value === undefined) {
    const message = state.kind === 'failed' ? state.message : '';
    return (
      <ErrorPage
        view={{
          fileName: '',
          title: t('failed.open'),
          message,
          details: [],
          advice: t('failed.open.advice'),
        }}
      />
    );
  }
  return (
    <div class="editor">
      <TopBar />
      <Summary />
      <Tabs />
      <Panes />
      <EditDialog />
    </div>
  );
}

/** The shape of the page to come, so that nothing jumps when it does. */
function Loading() {
  return (
    <div class="editor loading" role="status" aria-label={t('loading')}>
      <div class="top-bar">
        <span class="bone" />
        <span class="bone" />
        <span class="bone" />
      </div>
      <div class="summary">
        <span class="bone tall" />
        <span class="bone tall" />
      </div>
      <div class="tab-bar">
        <span class="muted">{t('loading')}</span>
      </div>
      <div class="bones">
        {Array.from({ length: 12 }, (_, i) => (
          <span key={i} class="bone" />
        ))}
      </div>
    </div>
  );
}
