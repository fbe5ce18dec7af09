/** The custom editor's name, as contributed in package.json. */
export const editorViewType = 'vramLens.editor';
