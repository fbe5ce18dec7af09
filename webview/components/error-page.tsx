/** What is wrong with the file, where, and what to do. */
import type { ErrorView } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { open } from '../state/actions.ts';
import { Icon } from './icon.tsx';

export function ErrorPage({ view }: { readonly view: ErrorView }) {
  return (
    <main class="error-page">
      <div class="error-card">
        <Icon name="error" />
        <div>
          <h1>{view.title}</h1>
          {view.fileName !== '' && <p class="muted">{view.fileName}</p>}
          {view.message !== '' && <p class="error-message">{view.message}</p>}
          {view.details.length > 0 && (
            <dl class="details">
              {view.details.map((d) => (
                <div key={d.label}>
                  <dt>{d.label}</dt>
                  <dd>{d.value}</dd>
                </div>
              ))}
            </dl>
          )}
          {view.advice !== '' && (
            <p class="advice">
              <Icon name="lightbulb" />
              <span>{view.advice}</span>
            </p>
          )}
          <button type="button" class="button" onClick={() => void open()}>
            {t('tryAgain')}
          </button>
        </div>
      </div>
    </main>
  );
}
