/** Beside every pane: the chosen layer, the recipe, what is wrong with the model. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Icon } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { estimate, model } from '../state/store.ts';
import { Diagnostics } from './diagnostics.tsx';
import { Inspector } from './inspector.tsx';
import { RecipeList } from './recipe-list.tsx';

export function SidePanel() {
  const edits = estimate.value?.edits ?? [];
  const diagnostics = model.value?.diagnostics ?? [];
  return (
    <>
      <Section title={t('recipe.title')} count={edits.length}>
        <RecipeList edits={edits} />
      </Section>
      <Section title={t('inspector.title')}>
        <Inspector />
      </Section>
      {diagnostics.length > 0 && (
        <Section title={t('diagnostics.title')} count={diagnostics.length}>
          <Diagnostics list={diagnostics} />
        </Section>
      )}
    </>
  );
}

interface SectionProps {
  readonly title: string;
  readonly count?: number;
  readonly children: ComponentChildren;
}

function Section({ title, count = 0, children }: SectionProps) {
  const [isOpen, setOpen] = useState(true);
  return (
    <section class="side-section" aria-label={title}>
      <h3>
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <Icon name={isOpen ? 'chevron-down' : 'chevron-right'} />
          <span>{title}</span>
          {count > 0 && <span class="badge">{count}</span>}
        </button>
      </h3>
      {isOpen && <div class="side-content">{children}</div>}
    </section>
  );
}
